/**
 * Which servers are linked to whom, and the cheapest way to each. Owns what servers announced about
 * their links and the ways that follow from it; knows no connection, and nothing of users.
 *
 * @module
 */
import type { LinkState } from "@netlab/protocol/codec";

/** The way from this server to another. It stays the same object as long as it has the same links. */
export interface Route {
  /** The id of the neighbour to which a message is handed. */
  readonly next: string;
  /** The id of the server before the last: the way there, and one link more, is this way. */
  readonly previous: string;
  /** What the whole way costs. */
  cost: number;
  /** How many links it has. */
  readonly hops: number;
}

/** What one server announced. */
export interface Announcement {
  /** What it said. */
  readonly state: LinkState;
  /** When it said so: milliseconds. */
  saidAt: number;
}

interface Entry extends Announcement {
  /** The costs of its links, by the server at the other end. */
  readonly costs: ReadonlyMap<string, number>;
}

/** How long what a server announced counts when it does not announce it anew: milliseconds. */
export const MAX_AGE_MS = 200_000;

/** The map of the network, seen from one server. */
export class Topology {
  readonly #self: string;
  readonly #entries = new Map<string, Entry>();
  #routes: Map<string, Route> = new Map();
  #current = true;

  /** An empty map, seen from the server with the id `self`. */
  constructor(self: string) {
    this.#self = self;
  }

  /**
   * Takes in what a server announced of its links; whether it was newer than what was known.
   *
   * @param saidAt When the server said so: milliseconds.
   */
  apply(state: LinkState, saidAt: number): boolean {
    const known = this.#entries.get(state.server);
    if (known && known.state.version >= state.version) return false;
    const costs = new Map(state.links.map(({ server, cost }) => [server, cost]));
    this.#entries.set(state.server, { state, saidAt, costs });
    // Most announcements say that nothing has changed.
    if (!known || !isSame(known.costs, costs)) this.#current = false;
    return true;
  }

  /** What a server announced last. */
  get(server: string): LinkState | undefined {
    return this.#entries.get(server)?.state;
  }

  /** All that is known, this server's own links among it. */
  announcements(): Iterable<Announcement> {
    return this.#entries.values();
  }

  /** The cheapest way to a server; `undefined` when none leads there, and for this server itself. */
  route(server: string): Route | undefined {
    return this.routes().get(server);
  }

  /** The ids of the servers on the way to a server, that one last; empty when no way leads there. */
  path(server: string): string[] {
    const path: string[] = [];
    const routes = this.routes();
    for (let at = server; routes.has(at); at = routes.get(at)!.previous) path.unshift(at);
    return path;
  }

  /** Whether a server is this one or can be reached from it. */
  reaches(server: string): boolean {
    return server === this.#self || this.routes().has(server);
  }

  /** The cheapest ways to all servers that can be reached; the same map as long as nothing changes. */
  routes(): ReadonlyMap<string, Route> {
    if (!this.#current) this.#routes = this.#shortestPaths();
    this.#current = true;
    return this.#routes;
  }

  /** What a link costs: what the end that has it dearer says. `undefined` unless both ends have it. */
  cost(one: string, other: string): number | undefined {
    const there = this.#entries.get(one)?.costs.get(other);
    const back = this.#entries.get(other)?.costs.get(one);
    return there === undefined || back === undefined ? undefined : Math.max(there, back);
  }

  /** Forgets what others said too long ago, and returns the ids of those servers. */
  forget(now: number): string[] {
    const forgotten: string[] = [];
    for (const [server, { saidAt }] of this.#entries) {
      if (server === this.#self || now - saidAt < MAX_AGE_MS) continue;
      this.#entries.delete(server);
      this.#current = false;
      forgotten.push(server);
    }
    return forgotten;
  }

  /** This server heard nothing for `ms` milliseconds by its own fault: nothing has grown older. */
  slept(ms: number): void {
    for (const entry of this.#entries.values()) entry.saidAt += ms;
  }

  /**
   * Dijkstra's algorithm; among ways of one cost the one with fewer links wins, then the neighbour
   * with the lower id, so that every run gives the same. A link counts when both ends announce it.
   */
  #shortestPaths(): Map<string, Route> {
    const done = new Map<string, Route>();
    const open = new Map<string, Route>();
    let at = this.#self;
    let here: Route = { next: "", previous: "", cost: 0, hops: 0 };
    for (;;) {
      for (const [server, oneWay] of this.#entries.get(at)?.costs ?? []) {
        if (done.has(server) || server === this.#self) continue;
        const known = open.get(server);
        // Most links lead to where a cheaper way is known already.
        if (known && here.cost + oneWay > known.cost) continue;
        const back = this.#entries.get(server)?.costs.get(at);
        if (back === undefined) continue;
        const cost = here.cost + Math.max(oneWay, back);
        const hops = here.hops + 1;
        if (known && (cost > known.cost || (cost === known.cost && hops > known.hops))) continue;
        const next = here.next === "" ? server : here.next;
        const candidate = { next, previous: at, cost, hops };
        if (!known || isBetter(candidate, known)) open.set(server, candidate);
      }
      let nearest: Route | undefined;
      for (const [server, candidate] of open) {
        if (nearest && !isBetter(candidate, nearest)) continue;
        nearest = candidate;
        at = server;
      }
      if (!nearest) return done;
      open.delete(at);
      here = this.#asBefore(at, nearest, done);
      done.set(at, here);
    }
  }

  /** The route that there was, when it has the same links. */
  #asBefore(server: string, route: Route, done: ReadonlyMap<string, Route>): Route {
    const known = this.#routes.get(server);
    if (known?.previous !== route.previous) return route;
    if (this.#routes.get(route.previous) !== done.get(route.previous)) return route;
    known.cost = route.cost;
    return known;
  }
}

function isBetter(a: Route, b: Route): boolean {
  if (a.cost !== b.cost) return a.cost < b.cost;
  if (a.hops !== b.hops) return a.hops < b.hops;
  if (a.next !== b.next) return a.next < b.next;
  return a.previous < b.previous;
}

function isSame(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false;
  for (const [server, cost] of a) if (b.get(server) !== cost) return false;
  return true;
}
