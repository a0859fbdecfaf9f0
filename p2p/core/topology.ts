/**
 * Which servers are linked to whom, and the cheapest way to each. Owns what servers announced about
 * their links and the ways that follow from it; knows no connection, and nothing of users.
 *
 * @module
 */
import type { LinkState } from "@netlab/protocol";

/** The way from this server to another. */
export interface Route {
  /** The id of the neighbour to which a message is handed. */
  next: string;
  /** What the whole way costs. */
  cost: number;
  /** How many links it has. */
  hops: number;
}

interface Entry {
  state: LinkState;
  /** Since when no way leads there: milliseconds; `undefined` while one does. */
  lostAt: number | undefined;
}

/** How long what is known of a server that cannot be reached is kept: milliseconds. */
const KEPT_MS = 60_000;

/** The map of the network, seen from one server. */
export class Topology {
  readonly #self: string;
  readonly #entries = new Map<string, Entry>();
  #routes: Map<string, Route> | undefined;

  /** An empty map, seen from the server with the id `self`. */
  constructor(self: string) {
    this.#self = self;
  }

  /** Takes in what a server announced of its links; whether it was newer than what was known. */
  apply(state: LinkState): boolean {
    const known = this.#entries.get(state.server);
    if (known && known.state.version >= state.version) return false;
    this.#entries.set(state.server, { state, lostAt: known?.lostAt });
    this.#routes = undefined;
    return true;
  }

  /** What a server announced last. */
  get(server: string): LinkState | undefined {
    return this.#entries.get(server)?.state;
  }

  /** All that is known, this server's own links among it. */
  *states(): Iterable<LinkState> {
    for (const { state } of this.#entries.values()) yield state;
  }

  /** The cheapest way to a server; `undefined` when none leads there, and for this server itself. */
  route(server: string): Route | undefined {
    return this.routes().get(server);
  }

  /** Whether a server is this one or can be reached from it. */
  reaches(server: string): boolean {
    return server === this.#self || this.routes().has(server);
  }

  /** The cheapest ways to all servers that can be reached. */
  routes(): ReadonlyMap<string, Route> {
    this.#routes ??= this.#shortestPaths();
    return this.#routes;
  }

  /** Forgets servers that could not be reached for a minute, and returns their ids. */
  forget(now: number): string[] {
    const forgotten: string[] = [];
    for (const [server, entry] of this.#entries) {
      if (this.reaches(server)) entry.lostAt = undefined;
      else if (entry.lostAt === undefined) entry.lostAt = now;
      else if (now - entry.lostAt >= KEPT_MS) {
        this.#entries.delete(server);
        forgotten.push(server);
      }
    }
    return forgotten;
  }

  /**
   * Dijkstra's algorithm; among ways of one cost the one with fewer links wins, then the neighbour
   * with the lower id, so that every run gives the same. A link counts when both ends announce it.
   */
  #shortestPaths(): Map<string, Route> {
    const done = new Map<string, Route>();
    const open = new Map<string, Route>([[this.#self, { next: "", cost: 0, hops: 0 }]]);
    while (open.size > 0) {
      let nearest = "";
      let route: Route | undefined;
      for (const [server, candidate] of open) {
        if (route === undefined || isBetter(candidate, route)) {
          nearest = server;
          route = candidate;
        }
      }
      open.delete(nearest);
      done.set(nearest, route!);
      for (const link of this.#entries.get(nearest)?.state.links ?? []) {
        if (done.has(link.server) || !this.#announces(link.server, nearest)) continue;
        const candidate = {
          next: nearest === this.#self ? link.server : route!.next,
          cost: route!.cost + link.cost,
          hops: route!.hops + 1,
        };
        const known = open.get(link.server);
        if (!known || isBetter(candidate, known)) open.set(link.server, candidate);
      }
    }
    done.delete(this.#self);
    return done;
  }

  #announces(server: string, neighbour: string): boolean {
    const links = this.#entries.get(server)?.state.links;
    return links !== undefined && links.some((link) => link.server === neighbour);
  }
}

function isBetter(a: Route, b: Route): boolean {
  if (a.cost !== b.cost) return a.cost < b.cost;
  if (a.hops !== b.hops) return a.hops < b.hops;
  return a.next < b.next;
}
