/**
 * The link states that servers announce to each other. Owns when this server announces its own links, how
 * far a cost must change before it is announced, and how the announcements of others are flooded. Does
 * not know how links are made, and knows no users.
 *
 * @module
 */
import {
  type Frame,
  isTlsAddress,
  type LinkState,
  readLinkState,
  readLinkStateVersion,
  withoutTls,
  writeLinkState,
} from "@netlab/protocol/codec";
import type { Context } from "../../host.ts";
import { LIMITS } from "../../limits.ts";
import type { LinkCosts } from "./link_costs.ts";
import type { Sources } from "./sources.ts";
import type { Peer } from "../peer.ts";
import type { Testimony } from "./testimony.ts";
import { type Announcement, MAX_AGE_MS, type Topology } from "./topology.ts";
import { type Opened, otherOrigin, type Statements } from "../statements/statements.ts";

/** The cost of a link that was not measured. It is higher than that of any route of measured links. */
export const UNKNOWN_COST = 100_000_000;
/** The cost of a silent link. It is higher than that of any route of links that are not silent. */
export const SILENT_COST = 1_000_000_000;

/** How often a server repeats its link state when nothing changes: milliseconds. */
const REFRESH_MS = 60_000;
/**
 * When a server repeats its link state after a new link, whose cost is better known by then:
 * milliseconds.
 */
const EARLY_REFRESH_MS = 10_000;
/** Changes within this time are announced together, unless a link was lost: milliseconds. */
const ANNOUNCE_EVERY_MS = 200;
/** The share by which a cost must change before it is announced. */
const MIN_CHANGE = 1 / 5;

/** By how much the clocks of servers may differ on a network with keys: milliseconds. */
const CLOCK_MS = 600_000;
/** How many servers with wrong clocks are logged. */
const MAX_WRONG_CLOCKS = 1_000;

/** A link state that a peer has forwarded. */
interface Heard {
  readonly state: LinkState;
  /** When the server announced it: milliseconds since 1970. */
  readonly saidAt: number;
  /** Who says so. */
  readonly peer: Peer;
  /** The frame that contains it. */
  readonly frame: Frame;
}

/** The link states of all servers, including this one. */
export class LinkStates {
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #costs: LinkCosts;
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #testimony: Testimony;
  readonly #sources: Sources;
  /** Signs for this server; `undefined` on an open network. */
  readonly #statements: Statements | undefined;
  /** The statement with this server's own link state, and the version of that. */
  #own: { readonly version: number; readonly frame: Frame } | undefined;
  /** When this server's own link state was made: milliseconds since 1970. */
  #ownSince = 0;
  /** The servers, by id, whose wrong clocks were logged. */
  readonly #wrongClocks = new Set<string>();
  /** By server, the newest link state from each peer who may not speak about it at present. */
  readonly #unheard = new Map<string, Map<Peer, Heard>>();
  /** By peer, the servers whose newest link states wait until the peer may be told them. */
  readonly #late = new Map<Peer, Set<string>>();
  /** The cost that was last announced for each link, by the peer's id. */
  #announced = new Map<string, number>();
  #version = 0;
  #isChanged = false;
  #announcedAt = -Infinity;
  #refreshAt = -Infinity;

  /** Starts with the announcement that this server has no links. */
  constructor(
    context: Context,
    topology: Topology,
    costs: LinkCosts,
    peers: ReadonlyMap<string, Peer>,
    testimony: Testimony,
    sources: Sources,
    statements: Statements | undefined,
  ) {
    this.#context = context;
    this.#topology = topology;
    this.#costs = costs;
    this.#peers = peers;
    this.#testimony = testimony;
    this.#sources = sources;
    this.#statements = statements;
    this.#announce(new Map());
  }

  /**
   * Compares the links and their costs with the last announcement. Call it when a link came up or went
   * down or when a cost may have changed. A lost link is announced at the next flush.
   */
  look(): void {
    const { now } = this.#context;
    const refresh = now >= this.#refreshAt;
    const costs = new Map<string, number>();
    let isChanged = refresh || this.#announced.size !== this.#peers.size;
    let isUrgent = false;
    let isNew = false;
    for (const [server, peer] of this.#peers) {
      const announced = this.#announced.get(server);
      const cost = this.#costOf(peer);
      const changed = announced === undefined ||
        Math.abs(cost - announced) >= announced * MIN_CHANGE;
      costs.set(server, changed || refresh ? cost : announced);
      isChanged ||= changed;
      isUrgent ||= changed && cost === SILENT_COST;
      isNew ||= changed && (announced === undefined || announced === UNKNOWN_COST);
    }
    for (const server of this.#announced.keys()) isUrgent ||= !costs.has(server);
    if (!isChanged) return;
    this.#announce(costs);
    if (isUrgent) {
      this.#announcedAt = -Infinity;
      this.reconsider();
    }
    if (!isNew && !refresh) return;
    // Jitter keeps servers that started together from announcing together.
    const ms = isNew ? EARLY_REFRESH_MS : REFRESH_MS;
    this.#refreshAt = now + ms * (3 + this.#context.host.random()) / 4;
  }

  /** Announces changes of this server's links to its peers, if any are due. */
  tell(): void {
    const { id, now } = this.#context;
    if (!this.#isChanged || now - this.#announcedAt < ANNOUNCE_EVERY_MS) return;
    this.#isChanged = false;
    this.#announcedAt = now;
    const state = this.#topology.get(id)!;
    for (const peer of this.#peers.values()) this.#write(peer, { state, statement: undefined }, 0);
  }

  /** Sends all known link states to a new peer. */
  greet(peer: Peer): void {
    for (const announcement of this.#topology.announcements()) {
      const ageMs = Math.max(0, this.#context.now - announcement.saidAt);
      this.#write(peer, announcement, Math.ceil(ageMs / 1_000));
    }
  }

  /**
   * Handles a link state that a peer has forwarded. A new one is forwarded to all other peers, if the peer may
   * speak about that server. Otherwise it waits until the routes say so.
   *
   * @returns The link state if it is new.
   */
  received(peer: Peer, frame: Frame): LinkState | undefined {
    const ageMs = frame.reserved * 1_000;
    const { payload } = frame;
    const { server, version } = readLinkStateVersion(payload);
    if (server === this.#context.id || ageMs >= MAX_AGE_MS) return;
    this.#sources.heard(peer, server);
    const isOwn = this.#peers.get(server) === peer;
    const known = this.#topology.get(server);
    // What others said about a server that speaks for itself now may have been false, whatever its version.
    const isFirstHand = isOwn && this.#topology.sourceOf(server) !== server &&
      this.#testimony.isFirstHand(peer);
    if (version <= (known?.version ?? -1) && !isFirstHand) return;
    // A linked server has a place, so that a link can be used however many servers others announce.
    const isFull = !known && this.#topology.size >= LIMITS.servers.default;
    if (isFull && !isOwn) return;
    const state = readLinkState(payload);
    if (state.links.length > LIMITS.linksOfServer.default) return;
    const saidAt = this.#context.now - ageMs;
    if (!this.#testimony.speaksForLinksOf(peer, server)) {
      const unheard = this.#unheard.get(server) ?? new Map<Peer, Heard>();
      this.#unheard.set(server, unheard.set(peer, { state, saidAt, peer, frame: frame.copy() }));
      return;
    }
    if (isFull) this.#topology.makeRoom();
    this.#apply({ state, saidAt, peer, frame });
    return state;
  }

  /**
   * Handles a link state that its server has signed, whoever has passed it on.
   *
   * @returns The link state if it is new.
   * @throws {ProtocolError} When it is of another server, or its signature is wrong.
   */
  stated(peer: Peer, { origin, signedAt, inner, frame, verify }: Opened): LinkState | undefined {
    const ageMs = frame.reserved * 1_000;
    const { server, version } = readLinkStateVersion(inner.payload);
    if (server !== origin) throw otherOrigin();
    const known = this.#topology.get(server);
    if (version <= (known?.version ?? -1) || ageMs >= MAX_AGE_MS) return;
    const isFull = !known && this.#topology.size >= LIMITS.servers.default;
    if (isFull && this.#peers.get(server) !== peer) return;
    const state = readLinkState(inner.payload);
    if (state.links.length > LIMITS.linksOfServer.default) return;
    verify();
    const sinceMs = this.#statements!.time - signedAt;
    if (Math.abs(sinceMs) > MAX_AGE_MS + CLOCK_MS) return this.#warnOfClock(state, sinceMs);
    this.#statements!.clockAheadMs.set(server, ageMs - sinceMs);
    if (isFull) this.#topology.makeRoom();
    this.#apply({ state, saidAt: this.#context.now - ageMs, peer, frame });
    return state;
  }

  /** Looks whether link states are believed now, because routes have changed or a peer has fallen silent. */
  reconsider(): void {
    for (const [server, unheard] of this.#unheard) {
      for (const [peer, heard] of unheard) {
        const isGone = this.#peers.get(peer.server) !== peer ||
          this.#context.now - heard.saidAt >= MAX_AGE_MS;
        if (isGone) unheard.delete(peer);
        else if (this.#testimony.speaksForLinksOf(peer, server)) this.#apply(heard);
      }
      if (unheard.size === 0) this.#unheard.delete(server);
    }
  }

  #apply({ state, saidAt, peer, frame }: Heard): void {
    const { now } = this.#context;
    const repeats = isRepetition(this.#topology.get(state.server), state);
    const statement = this.#statements && frame.copy();
    this.#topology.replace(state, saidAt, peer.server, now, statement);
    const unheard = this.#unheard.get(state.server);
    for (const [other, heard] of unheard ?? []) {
      if (heard.state.version <= state.version) unheard!.delete(other);
    }
    const ageS = Math.ceil(Math.max(0, now - saidAt) / 1_000);
    for (const other of this.#peers.values()) {
      if (other === peer || (repeats && other.unneeded.has(state.server))) continue;
      if (this.#isLate(other, state.server)) continue;
      other.tell(() => {
        if (other.readsTls || !isTlsAddress(state.address)) other.out.forward(frame, ageS);
        else write(other, state, ageS);
      });
    }
  }

  /** Writes a link state to a peer: as its server has signed it, on a network with keys. */
  #write(
    peer: Peer,
    { state, statement }: Pick<Announcement, "state" | "statement">,
    ageS: number,
  ) {
    if (!this.#statements) return write(peer, state, ageS);
    peer.out.forward(statement ?? this.#signed(state), ageS);
  }

  /** Returns the statement with this server's own link state. */
  #signed(state: LinkState): Frame {
    const { version } = state;
    if (this.#own?.version !== version) {
      // Others compare this time and the age in the frame with their clock.
      const ageMs = Math.round(this.#context.now - this.#ownSince);
      const frame = this.#statements!.forAll((out) => writeLinkState(out, state), ageMs);
      this.#own = { version, frame };
    }
    return this.#own.frame;
  }

  #warnOfClock({ server, address }: LinkState, sinceMs: number): undefined {
    if (this.#wrongClocks.has(server) || this.#wrongClocks.size >= MAX_WRONG_CLOCKS) return;
    this.#wrongClocks.add(server);
    this.#context.logger.warn(
      "ignoring the links of {address}, which are signed {minutes} minutes from now: check the clocks of both machines",
      { event: "link.clock", address, minutes: Math.round(-sinceMs / 60_000) },
    );
  }

  /** Sends the link states that waited, as far as peers may be told them now. Call it several times a second. */
  tick(): void {
    const { now } = this.#context;
    for (const [peer, servers] of this.#late) {
      for (const server of servers) {
        if (!peer.mayTell(now)) break;
        servers.delete(server);
        const known = this.#topology.announcement(server);
        if (!known) continue;
        const ageS = Math.ceil(Math.max(0, now - known.saidAt) / 1_000);
        peer.tell(() => this.#write(peer, known, ageS));
      }
      if (servers.size === 0) this.#late.delete(peer);
    }
  }

  /** Forgets what waits for a peer whose link has ended. */
  closed(peer: Peer): void {
    this.#late.delete(peer);
  }

  /** Returns whether a link state must wait: servers that announce changes without end would fill the link. */
  #isLate(peer: Peer, server: string): boolean {
    if (peer.mayTell(this.#context.now)) return false;
    const servers = this.#late.get(peer) ?? new Set();
    this.#late.set(peer, servers.add(server));
    return true;
  }

  #costOf(peer: Peer): number {
    return peer.failureDetector.silent ? SILENT_COST : this.#costs.of(peer) ?? UNKNOWN_COST;
  }

  #announce(costs: Map<string, number>): void {
    const { id, address, now } = this.#context;
    this.#announced = costs;
    this.#ownSince = now;
    const links = [...costs].map(([server, cost]) => ({ server, cost }));
    this.#topology.apply({ server: id, version: ++this.#version, address, links }, now);
    this.#isChanged = true;
  }
}

/** Returns whether a link state has the links of an earlier one, at about the same costs. */
function isRepetition(before: LinkState | undefined, { address, links }: LinkState): boolean {
  if (before?.address !== address || before.links.length !== links.length) return false;
  const costs = new Map(before.links.map(({ server, cost }) => [server, cost]));
  return links.every(({ server, cost }) => {
    const known = costs.get(server);
    return known !== undefined && Math.abs(cost - known) < known * MIN_CHANGE;
  });
}

/** Writes a link state to a peer. An older one would take an address with `tls://` for a malformed frame. */
function write({ out, readsTls }: Peer, state: LinkState, ageS: number): void {
  const address = readsTls ? state.address : withoutTls(state.address);
  writeLinkState(out, { ...state, address }, ageS);
}
