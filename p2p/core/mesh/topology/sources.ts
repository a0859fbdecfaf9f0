/**
 * From which peers this server needs news of which other servers: their users, and the repetitions of their links.
 * It believes only the next hop on the route to a server, so all others need not send it. Owns what this server
 * tells its peers about that. Does not know what news is.
 *
 * @module
 */
import {
  type Frame,
  MAX_UNNEEDED_PER_FRAME,
  readUnneededPresence,
  writeUnneededPresence,
} from "@netlab/protocol/codec";
import type { Peer } from "../peer.ts";
import type { Topology } from "./topology.ts";

const NOTHING: ReadonlySet<string> = new Set();

/** From whom one server gets its news. */
export class Sources {
  readonly #topology: Topology;
  readonly #peers: ReadonlyMap<string, Peer>;
  /** The ids of the servers of which each peer was last told that no news is needed. */
  readonly #told = new WeakMap<Peer, ReadonlySet<string>>();
  /** The peers that are told at the next tick. */
  readonly #due = new Set<Peer>();

  /** Begins with needing everything from everybody. */
  constructor(topology: Topology, peers: ReadonlyMap<string, Peer>) {
    this.#topology = topology;
    this.#peers = peers;
  }

  /** Records that a peer has sent news of a server, by its id. It learns soon if they are not needed. */
  heard(peer: Peer, server: string): void {
    if (this.#isUnneeded(peer, server) && !this.#toldTo(peer).has(server)) this.#due.add(peer);
  }

  /** Records that no route leads to a server any more: news of it may come from anybody. */
  lost(server: string): void {
    for (const peer of this.#peers.values()) {
      if (this.#toldTo(peer).has(server)) this.#due.add(peer);
    }
  }

  /**
   * Tells a peer of which servers its news is not needed, if that has changed. Call it before a peer is asked for
   * what it knows: from then on it is the next hop to more servers.
   */
  tell(peer: Peer): void {
    if (!peer.readsUnneeded) return;
    const servers = [...this.#topology.routes().keys()]
      .filter((server) => this.#isUnneeded(peer, server))
      .slice(0, MAX_UNNEEDED_PER_FRAME);
    const told = this.#toldTo(peer);
    if (servers.length === told.size && servers.every((server) => told.has(server))) return;
    this.#told.set(peer, new Set(servers));
    writeUnneededPresence(peer.out, servers);
  }

  /** Records what a peer says that it does not need. */
  received(peer: Peer, frame: Frame): void {
    peer.unneeded = new Set(readUnneededPresence(frame.payload));
  }

  /** Tells the peers that have sent what is not needed. */
  tick(): void {
    for (const peer of this.#due) {
      if (this.#peers.get(peer.server) === peer) this.tell(peer);
    }
    this.#due.clear();
  }

  #isUnneeded(peer: Peer, server: string): boolean {
    const route = this.#topology.route(server);
    return route !== undefined && route.next !== peer.server && server !== peer.server;
  }

  #toldTo(peer: Peer): ReadonlySet<string> {
    return this.#told.get(peer) ?? NOTHING;
  }
}
