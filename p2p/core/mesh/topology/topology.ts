/**
 * The graph of servers and links, and the cheapest route to each server. Owns the announced link states
 * and the routes that follow from them. Knows neither connections nor users.
 *
 * @module
 */
import type { Frame, LinkState } from "@netlab/protocol/codec";
import TinyQueue from "tinyqueue";

/** The route from this server to another. While a route has the same links, it stays the same object. */
export interface Route {
  /** The id of the next hop. */
  readonly next: string;
  /**
   * The id of the last server before the destination. The route to that server, plus one link, is this
   * route.
   */
  readonly previous: string;
  /** The cost of the whole route. */
  cost: number;
  /** The number of links. */
  readonly hops: number;
}

/** The last announcement of one server. */
export interface Announcement {
  /** The announced link state. */
  readonly state: LinkState;
  /** When the server announced it: milliseconds since 1970. */
  saidAt: number;
  /** The id of the peer that it came from. */
  readonly from: string;
  /** The frame in which that server has signed it; `undefined` on an open network, and for this server's own. */
  readonly statement: Frame | undefined;
}

interface Entry extends Announcement {
  /** When its first announcement arrived: milliseconds since 1970. */
  readonly knownAt: number;
  /** The costs of its links, by the id of the server at the other end. */
  readonly costs: ReadonlyMap<string, number>;
}

/** How long an announcement is valid unless it is repeated: milliseconds. */
export const MAX_AGE_MS = 200_000;
/** How many links may be looked at to compute routes in one millisecond, while other servers announce changes. */
const LINKS_PER_MS = 500;
/** How many may be at once, after a time without changes. */
const MAX_LINKS = 20 * LINKS_PER_MS;

/** The graph of the network, as one server knows it. */
export class Topology {
  readonly #self: string;
  readonly #entries = new Map<string, Entry>();
  /** Servers that were forgotten to make room, since the last call of {@linkcode Topology.forget}. */
  readonly #evicted: string[] = [];
  #routes: Map<string, Route> = new Map();
  #current = true;
  readonly #clock: { readonly now: number } | undefined;
  /** Whether the routes must be computed however many links that takes, because a link of this server has changed. */
  #isUrgent = false;
  /** How many links may be looked at now. */
  #allowance = MAX_LINKS;
  #allowedAt = 0;

  /**
   * Creates an empty graph for the server with the id `self`.
   *
   * @param clock The current time: milliseconds since 1970. Without it, routes are always up to date.
   */
  constructor(self: string, clock?: { readonly now: number }) {
    this.#self = self;
    this.#clock = clock;
  }

  /**
   * Records an announcement.
   *
   * @param saidAt When the server made it: milliseconds since 1970.
   * @returns Whether it was newer than the known one.
   */
  apply(state: LinkState, saidAt: number): boolean {
    const known = this.#entries.get(state.server);
    if (known && known.state.version >= state.version) return false;
    this.replace(state, saidAt, this.#self, saidAt);
    return true;
  }

  /**
   * Records an announcement in the place of the known one, whatever its version.
   *
   * @param saidAt When the server made it: milliseconds since 1970.
   * @param from The id of the peer that it came from; this server's own id for its own.
   * @param now The current time: milliseconds since 1970.
   * @param statement The frame in which the server has signed it, on a network with keys.
   */
  replace(
    state: LinkState,
    saidAt: number,
    from: string,
    now: number,
    statement?: Frame,
  ): void {
    const known = this.#entries.get(state.server);
    const costs = new Map(state.links.map(({ server, cost }) => [server, cost]));
    const knownAt = known?.knownAt ?? now;
    this.#entries.set(state.server, { state, saidAt, from, statement, knownAt, costs });
    // Most announcements repeat known costs.
    if (known && isSame(known.costs, costs)) return;
    this.#current = false;
    if (state.server === this.#self) this.#isUrgent = true;
  }

  /** Returns when the first announcement of a server arrived: milliseconds since 1970. */
  knownAt(server: string): number {
    return this.#entries.get(server)?.knownAt ?? Infinity;
  }

  /** Returns the id of the peer from which the link state of a server came. */
  sourceOf(server: string): string | undefined {
    return this.#entries.get(server)?.from;
  }

  /**
   * Forgets another server that cannot be reached, if there is one, to make room for one more. The next call of
   * {@linkcode Topology.forget} returns it.
   */
  makeRoom(): void {
    const routes = this.routes();
    for (const server of this.#entries.keys()) {
      if (server === this.#self || routes.has(server)) continue;
      this.#entries.delete(server);
      return void this.#evicted.push(server);
    }
  }

  /** Returns the last announced link state of a server. */
  get(server: string): LinkState | undefined {
    return this.#entries.get(server)?.state;
  }

  /** Returns the last announcement of a server. */
  announcement(server: string): Announcement | undefined {
    return this.#entries.get(server);
  }

  /** The number of known announcements. */
  get size(): number {
    return this.#entries.size;
  }

  /** Returns all known announcements, including that of this server. */
  announcements(): Iterable<Announcement> {
    return this.#entries.values();
  }

  /** Returns the cheapest route to a server; `undefined` if there is none, and for this server itself. */
  route(server: string): Route | undefined {
    return this.routes().get(server);
  }

  /**
   * Returns the ids of the servers on the route to a server, which comes last. The list is empty if there
   * is no route.
   */
  path(server: string): string[] {
    const path: string[] = [];
    const routes = this.routes();
    for (let at = server; routes.has(at); at = routes.get(at)!.previous) path.unshift(at);
    return path;
  }

  /** Returns whether a server is this one or can be reached from it. */
  reaches(server: string): boolean {
    return server === this.#self || this.routes().has(server);
  }

  /**
   * Returns the cheapest routes to all reachable servers, by id. While nothing changes, this is the same
   * map. If other servers announce very many changes, it is the same map for a while.
   */
  routes(): ReadonlyMap<string, Route> {
    if (this.#current || !this.#mayCompute()) return this.#routes;
    this.#routes = this.#shortestPaths();
    this.#current = true;
    this.#isUrgent = false;
    return this.#routes;
  }

  #mayCompute(): boolean {
    if (!this.#clock) return true;
    const { now } = this.#clock;
    const more = (now - this.#allowedAt) * LINKS_PER_MS;
    this.#allowance = Math.min(MAX_LINKS, this.#allowance + more);
    this.#allowedAt = now;
    return this.#allowance > 0 || this.#isUrgent;
  }

  /**
   * Returns the cost of a link: the higher of the costs that its two ends announce; `undefined` unless
   * both announce it.
   */
  cost(one: string, other: string): number | undefined {
    const there = this.#entries.get(one)?.costs.get(other);
    const back = this.#entries.get(other)?.costs.get(one);
    return there === undefined || back === undefined ? undefined : Math.max(there, back);
  }

  /**
   * Forgets announcements of other servers that are too old.
   *
   * @param now The current time: milliseconds since 1970.
   * @returns The ids of the forgotten servers.
   */
  forget(now: number): string[] {
    const forgotten = this.#evicted.splice(0).filter((server) => !this.#entries.has(server));
    for (const [server, { saidAt }] of this.#entries) {
      if (server === this.#self || now - saidAt < MAX_AGE_MS) continue;
      this.#entries.delete(server);
      this.#current = false;
      forgotten.push(server);
    }
    return forgotten;
  }

  /**
   * Excludes a time during which this server was not running from the age of all announcements.
   *
   * @param ms The length of that time: milliseconds.
   */
  slept(ms: number): void {
    for (const entry of this.#entries.values()) entry.saidAt += ms;
  }

  /**
   * Dijkstra's algorithm. Of routes with equal cost, the one with fewer links wins, then the one with the
   * lower next hop id, so that the result is deterministic. A link counts if both ends announce it.
   */
  #shortestPaths(): Map<string, Route> {
    const done = new Map<string, Route>();
    const open = new Map<string, Candidate>();
    const queue = new TinyQueue<Candidate>([], compareCandidates);
    let at = this.#self;
    let here: Route = { next: "", previous: "", cost: 0, hops: 0 };
    for (;;) {
      const costs = this.#entries.get(at)?.costs;
      this.#allowance -= costs?.size ?? 0;
      for (const [server, oneWay] of costs ?? []) {
        if (done.has(server) || server === this.#self) continue;
        const known = open.get(server);
        // Most links lead to servers with a cheaper known route.
        if (known && here.cost + oneWay > known.route.cost) continue;
        const back = this.#entries.get(server)?.costs.get(at);
        if (back === undefined) continue;
        const cost = here.cost + Math.max(oneWay, back);
        const next = here.next === "" ? server : here.next;
        const route = { next, previous: at, cost, hops: here.hops + 1 };
        if (known && compareRoutes(route, known.route) >= 0) continue;
        const candidate = { server, route, order: known?.order ?? open.size };
        open.set(server, candidate);
        queue.push(candidate);
      }
      let nearest = queue.pop();
      // The queue still has the candidates for which a better one was found.
      while (nearest && done.has(nearest.server)) nearest = queue.pop();
      if (!nearest) return done;
      at = nearest.server;
      here = this.#reuse(at, nearest.route, done);
      done.set(at, here);
    }
  }

  /** Returns the previous route object if it has the same links. */
  #reuse(server: string, route: Route, done: ReadonlyMap<string, Route>): Route {
    const known = this.#routes.get(server);
    if (known?.previous !== route.previous) return route;
    if (this.#routes.get(route.previous) !== done.get(route.previous)) return route;
    known.cost = route.cost;
    return known;
  }
}

/** A route that may be the cheapest one to a server. */
interface Candidate {
  readonly server: string;
  readonly route: Route;
  /** How many servers were found before this one. */
  readonly order: number;
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return compareRoutes(a.route, b.route) || a.order - b.order;
}

/** Returns a negative number if the first route is better. */
function compareRoutes(a: Route, b: Route): number {
  if (a.cost !== b.cost) return a.cost - b.cost;
  if (a.hops !== b.hops) return a.hops - b.hops;
  if (a.next !== b.next) return a.next < b.next ? -1 : 1;
  if (a.previous !== b.previous) return a.previous < b.previous ? -1 : 1;
  return 0;
}

function isSame(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false;
  for (const [server, cost] of a) if (b.get(server) !== cost) return false;
  return true;
}
