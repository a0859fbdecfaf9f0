/**
 * Logs which servers are reachable without a link, and which routes messages take. Owns the wording.
 * Decides nothing.
 *
 * @module
 */
import type { Context } from "../../host.ts";
import type { LinkCosts } from "./link_costs.ts";
import { SILENT_COST, UNKNOWN_COST } from "./link_states.ts";
import type { Route, Topology } from "./topology.ts";

/**
 * How long to wait for a link to a new server before logging that it is reached via others: milliseconds.
 * Most servers get a link sooner, which has its own log line.
 */
const WAIT_FOR_LINK_MS = 3_000;

/** Logs changes of routes. */
export class RouteLog {
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #costs: LinkCosts;
  /**
   * When each server without a link became reachable: milliseconds since 1970; `undefined` once it was
   * logged.
   */
  readonly #indirect = new Map<string, number | undefined>();

  /** Creates a log of one server's routes. */
  constructor(context: Context, topology: Topology, costs: LinkCosts) {
    this.#context = context;
    this.#topology = topology;
    this.#costs = costs;
  }

  /** Logs the servers to which no link has come up in time. */
  tick(): void {
    const { logger, now } = this.#context;
    for (const [server, since] of this.#indirect) {
      if (since === undefined || now - since < WAIT_FOR_LINK_MS) continue;
      const route = this.#topology.route(server);
      if (!route) continue;
      this.#indirect.set(server, undefined);
      logger.info("found {address}, via {over}", {
        event: "server.found",
        address: this.#addressOf(server),
        over: this.#addressOf(route.next),
      });
    }
  }

  /**
   * Logs that a server is unreachable.
   *
   * @param before The route that was lost.
   */
  lost(server: string, before: Route): void {
    this.#record(server, undefined);
    const wasLogged = this.#indirect.has(server) && this.#indirect.get(server) === undefined;
    this.#indirect.delete(server);
    // The log line of the lost link says so already.
    if (before.next === server || !wasLogged) return;
    const address = this.#topology.get(server)?.address ?? server;
    this.#context.logger.info("lost {address}", { event: "server.lost", address });
  }

  /**
   * Logs that the route to a server changed.
   *
   * @param before The previous route; `undefined` if there was none.
   * @param after The new route.
   */
  changed(server: string, before: Route | undefined, after: Route): void {
    const { logger, id } = this.#context;
    const isDirect = after.next === server;
    if (before?.next !== after.next) this.#record(server, after);
    if (isDirect) this.#indirect.delete(server);
    else if (!this.#indirect.has(server)) {
      // A server that had a link was logged then.
      this.#indirect.set(server, before ? undefined : this.#context.now);
    }
    // The log line of the new link says so already.
    if (before?.next === after.next || (!before && isDirect)) return;
    const cost = this.#describe(after.cost);
    const address = this.#addressOf(server);
    if (isDirect) {
      return logger.info("route to {address}: direct, {cost}", {
        event: "route.changed",
        address,
        cost,
      });
    }
    const directCost = this.#topology.cost(id, server);
    const over = this.#addressOf(after.next);
    const direct = directCost === undefined ? "no link" : this.#describe(directCost);
    // Routes to servers that never had a link are logged for debugging only.
    const level = directCost !== undefined || before?.next === server ? "info" : "debug";
    logger[level]("route to {address}: via {over}, {cost}; direct: {direct}", {
      event: "route.changed",
      address,
      over,
      cost,
      direct,
    });
  }

  /** Records that the route to a server is another one, or that there is none. */
  #record(server: string, route: Route | undefined): void {
    const { events, now } = this.#context;
    const address = this.#topology.get(server)?.address;
    if (address === undefined) return;
    const isKnown = route !== undefined && this.#costs.isTime && route.cost < UNKNOWN_COST;
    const costMs = isKnown ? route.cost / 1_000 : undefined;
    events.add({ kind: "routeChanged", server, address, nextHop: route?.next, costMs }, now);
  }

  #describe(cost: number): string {
    if (cost >= SILENT_COST) return "silent";
    if (cost >= UNKNOWN_COST) return "not measured";
    return this.#costs.describe(cost);
  }

  #addressOf(server: string): string {
    return this.#topology.get(server)!.address;
  }
}
