/**
 * Which peers a server believes about which other servers. On a network without keys nobody can prove anything,
 * but a server need not believe what did not come the way that the truth comes. Knows neither users nor frames.
 *
 * @module
 */
import type { Context } from "../../host.ts";
import type { Peer } from "../peer.ts";
import type { Topology } from "./topology.ts";

/** What one server believes of others. */
export class Testimony {
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #isGiven: (server: string) => boolean;
  /** Since when servers can be reached without interruption, by id: milliseconds since 1970. */
  readonly #reachedAt = new Map<string, number>();

  /**
   * Creates the rules for `peers`.
   *
   * @param isGiven Returns whether a server, by its id, answered at an address that the operator has named.
   */
  constructor(
    context: Context,
    topology: Topology,
    peers: ReadonlyMap<string, Peer>,
    isGiven: (server: string) => boolean,
  ) {
    this.#context = context;
    this.#topology = topology;
    this.#peers = peers;
    this.#isGiven = isGiven;
  }

  /**
   * Returns whether a peer may speak about a server, by its id: that server itself, and the next hop on the route to
   * it. While a link is slow, what its other end says comes sooner by the faster route.
   */
  speaksFor({ server: peer }: Peer, server: string): boolean {
    return peer === server || this.#topology.route(server)?.next === peer;
  }

  /**
   * Returns whether a peer may say what links a server has: also if there is no route to that server yet, or if it
   * has fallen silent on its own link.
   */
  speaksForLinksOf(peer: Peer, server: string): boolean {
    if (this.speaksFor(peer, server)) return true;
    const linked = this.#peers.get(server);
    return linked ? linked.failureDetector.silent : !this.#topology.reaches(server);
  }

  /**
   * Returns whether a peer that speaks about itself is believed whatever others have said: if no other peer is the
   * next hop on the route to it.
   */
  isFirstHand({ server }: Peer): boolean {
    return (this.#topology.route(server)?.next ?? server) === server;
  }

  /**
   * Returns whether a frame from a server, by its id, may have come from a peer. Routes have the same costs in both
   * directions, so an answer comes back the way that it was asked for, except that there may be several ways of
   * the same cost if they have more than one link.
   */
  mayRelay({ server: peer }: Peer, server: string): boolean {
    if (server === this.#context.id) return false;
    const route = this.#topology.route(server);
    return route === undefined || route.hops > 1 || route.next === peer;
  }

  /** Returns whether a server, by its id, is this one or can be reached. */
  isReached(server: string): boolean {
    return this.#topology.reaches(server);
  }

  /** Records that a server can be reached from now on. */
  reached(server: string): void {
    this.#reachedAt.set(server, this.#context.now);
  }

  /** Records that a server cannot be reached any more. */
  lost(server: string): void {
    this.#reachedAt.delete(server);
  }

  /** Returns whether the operator has named a server, by its id, and it has answered when it was dialled. */
  isGiven(server: string): boolean {
    return this.#isGiven(server);
  }

  /**
   * Returns whether a server is believed that one of its users is older than a user of this server. A server that
   * could be reached when this user registered would have been asked. A server that appeared later may say
   * anything. So this is for servers that the operator has named, and for those that were here before that time
   * and could not be reached at that time.
   *
   * @param since When the user of this server registered: milliseconds since 1970.
   */
  isBelievedOnAge(server: string, since: number): boolean {
    if (this.isGiven(server)) return true;
    const reachedAt = this.#reachedAt.get(server) ?? Infinity;
    return this.#topology.knownAt(server) <= since && reachedAt > since;
  }
}
