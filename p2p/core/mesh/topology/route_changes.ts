/**
 * The changes of this server's routes. Owns when routes are compared, and what counts as a change. Does not know
 * what follows from one.
 *
 * @module
 */
import type { Context } from "../../host.ts";
import type { LinkCosts } from "./link_costs.ts";
import { RouteLog } from "./route_log.ts";
import type { Route, Topology } from "./topology.ts";

/** How often routes are computed while other servers announce changes: milliseconds. */
const COMPARE_EVERY_MS = 20;

/** Receives the changes of routes, for the mesh. */
export interface DetailedRouteEvents extends RouteEvents {
  /** This server is reachable and was not before. */
  reached(server: string): void;
  /** This server is not reachable any more. */
  lost(server: string): void;
  /** This server is the next hop of routes that had another one, or none. */
  turned(server: string): void;
}

/** Receives the changes of routes. */
export interface RouteEvents {
  /** Routes to other servers may have changed. */
  routesChanged(): void;
  /** These servers are reachable and were not before. */
  reachGrew(servers: readonly string[]): void;
}

/** Compares the routes of one server with those that it has reported. */
export class RouteChanges {
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #events: DetailedRouteEvents;
  readonly #log: RouteLog;
  /** The routes that were last reported. */
  #routes: ReadonlyMap<string, Route>;
  /** Whether a link has replaced another one to the same server since the last flush. */
  #replaced = false;
  /** Whether the next flush compares routes. */
  #compareNow = true;
  #comparedAt = -Infinity;

  /** Begins with the present routes. */
  constructor(context: Context, topology: Topology, costs: LinkCosts, events: DetailedRouteEvents) {
    this.#context = context;
    this.#topology = topology;
    this.#events = events;
    this.#log = new RouteLog(context, topology, costs);
    this.#routes = topology.routes();
  }

  /** Compares routes at the next flush, because this server's links have changed. */
  compareSoon(): void {
    this.#compareNow = true;
  }

  /** Reports at the next flush that a link has replaced another one to the same server. */
  replaced(): void {
    this.#replaced = true;
  }

  /** Compares routes at the next flush, and logs what is due. */
  tick(): void {
    this.#compareNow = true;
    this.#log.tick();
  }

  /** Reports changes, at most every 20 ms while only other servers announce them. */
  flush(): void {
    const { now } = this.#context;
    if (!this.#compareNow && now - this.#comparedAt < COMPARE_EVERY_MS) return;
    this.#compareNow = false;
    const before = this.#routes;
    const routes = this.#topology.routes();
    if (routes === before && !this.#replaced) return;
    this.#routes = routes;
    this.#comparedAt = now;
    let changed = this.#replaced;
    this.#replaced = false;
    const grown: string[] = [];
    const nextHops = new Set<string>();
    for (const [server, route] of before) {
      if (routes.has(server)) continue;
      changed = true;
      this.#log.lost(server, route);
      this.#events.lost(server);
    }
    for (const [server, route] of routes) {
      const known = before.get(server);
      if (known === route) continue;
      changed = true;
      this.#log.changed(server, known, route);
      // A peer itself has got what it needs when its link came up.
      if (known?.next !== route.next && route.next !== server) nextHops.add(route.next);
      if (known !== undefined) continue;
      grown.push(server);
      this.#events.reached(server);
    }
    for (const server of nextHops) this.#events.turned(server);
    if (changed) this.#events.routesChanged();
    if (grown.length > 0) this.#events.reachGrew(grown);
  }
}
