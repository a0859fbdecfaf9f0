/**
 * What servers tell each other about their links: when this one says something about its own, and what
 * becomes of what others said. Owns the flooding, how much a cost must change to be news, and the ages;
 * knows nothing of how links come about, and nothing of users.
 *
 * @module
 */
import {
  type Frame,
  type LinkState,
  readLinkState,
  readLinkStateVersion,
  writeLinkState,
} from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import type { LinkCosts } from "./link_costs.ts";
import type { Peer } from "./peer.ts";
import { MAX_AGE_MS, type Topology } from "./topology.ts";

/** What a link costs whose cost is not known: more than any way of links that were measured. */
export const UNKNOWN_COST = 100_000_000;
/** What a link costs on which nothing comes in: more than any way of links that speak. */
export const SILENT_COST = 1_000_000_000;

/** A server that has nothing new to say about its links says the same again so often: milliseconds. */
const REFRESH_MS = 60_000;
/** After news of a link, when its cost has been measured more often: milliseconds. */
const FIRST_REFRESH_MS = 10_000;
/** News that can wait is told together with what follows within this time: milliseconds. */
const TELL_EVERY_MS = 200;
/** A cost must change by this share of itself to be news. */
const NEWS = 1 / 5;

/** The announcements of all servers, this one's among them. */
export class LinkStates {
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #costs: LinkCosts;
  readonly #peers: ReadonlyMap<string, Peer>;
  /** What was said last of each link. */
  #said = new Map<string, number>();
  #version = 0;
  #untold = false;
  #toldAt = -Infinity;
  #refreshAt = -Infinity;

  /** Says that there are no links. */
  constructor(
    context: Context,
    topology: Topology,
    costs: LinkCosts,
    peers: ReadonlyMap<string, Peer>,
  ) {
    this.#context = context;
    this.#topology = topology;
    this.#costs = costs;
    this.#peers = peers;
    this.#say(new Map());
  }

  /** A link came up or went down, or its cost may have changed. What was lost is told at once. */
  look(): void {
    const { now } = this.#context;
    const refresh = now >= this.#refreshAt;
    const costs = new Map<string, number>();
    let news = refresh || this.#said.size !== this.#peers.size;
    let bad = false;
    let fresh = false;
    for (const [server, peer] of this.#peers) {
      const said = this.#said.get(server);
      const cost = this.#costOf(peer);
      const changed = said === undefined || Math.abs(cost - said) >= said * NEWS;
      costs.set(server, changed || refresh ? cost : said);
      news ||= changed;
      bad ||= changed && cost === SILENT_COST;
      fresh ||= changed && (said === undefined || said === UNKNOWN_COST);
    }
    for (const server of this.#said.keys()) bad ||= !costs.has(server);
    if (!news) return;
    this.#say(costs);
    if (bad) this.#toldAt = -Infinity;
    if (!fresh && !refresh) return;
    // Servers that started together are not to speak together.
    const ms = fresh ? FIRST_REFRESH_MS : REFRESH_MS;
    this.#refreshAt = now + ms * (3 + this.#context.host.random()) / 4;
  }

  /** Tells the peers what is new about this server's links, if it is time for that. */
  tell(): void {
    const { id, now } = this.#context;
    if (!this.#untold || now - this.#toldAt < TELL_EVERY_MS) return;
    this.#untold = false;
    this.#toldAt = now;
    const state = this.#topology.get(id)!;
    for (const peer of this.#peers.values()) writeLinkState(peer.out, state);
  }

  /** Tells a peer all that is known. */
  greet(peer: Peer): void {
    for (const { state, saidAt } of this.#topology.announcements()) {
      const ageMs = Math.max(0, this.#context.now - saidAt);
      writeLinkState(peer.out, state, Math.ceil(ageMs / 1_000));
    }
  }

  /** A peer tells what a server said; what that is, if it is new. It is passed on to all other peers. */
  received(peer: Peer, frame: Frame): LinkState | undefined {
    const ageMs = frame.reserved * 1_000;
    const { payload } = frame;
    const { server, version } = readLinkStateVersion(payload);
    if (server === this.#context.id || ageMs >= MAX_AGE_MS) return;
    if (version <= (this.#topology.get(server)?.version ?? -1)) return;
    const state = readLinkState(payload);
    this.#topology.apply(state, this.#context.now - ageMs);
    for (const other of this.#peers.values()) {
      if (other !== peer) other.out.forward(frame, frame.reserved);
    }
    return state;
  }

  #costOf(peer: Peer): number {
    return peer.failureDetector.silent ? SILENT_COST : this.#costs.of(peer) ?? UNKNOWN_COST;
  }

  #say(costs: Map<string, number>): void {
    const { id, address, now } = this.#context;
    this.#said = costs;
    const links = [...costs].map(([server, cost]) => ({ server, cost }));
    this.#topology.apply({ server: id, version: ++this.#version, address, links }, now);
    this.#untold = true;
  }
}
