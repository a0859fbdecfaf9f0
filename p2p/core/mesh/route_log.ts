/**
 * Tells the operator which servers there are beyond the links, which way messages go, and why. Owns the
 * words; decides nothing.
 *
 * @module
 */
import type { Context } from "../host.ts";
import type { LinkCosts } from "./link_costs.ts";
import { SILENT_COST, UNKNOWN_COST } from "./link_states.ts";
import type { Route, Topology } from "./topology.ts";

/**
 * A server that is reached over others gets a link of its own soon, as a rule, and that has a line in the
 * log. After this long it is not waited for any more: milliseconds.
 */
const LINK_MS = 3_000;

/** The log of ways. */
export class RouteLog {
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #costs: LinkCosts;
  /** Servers without a link, by when they came into reach: milliseconds; `undefined` once that was told. */
  readonly #beyond = new Map<string, number | undefined>();

  /** A log for the ways of one server. */
  constructor(context: Context, topology: Topology, costs: LinkCosts) {
    this.#context = context;
    this.#topology = topology;
    this.#costs = costs;
  }

  /** Time has passed: servers to which no link has come up are told of. */
  tick(): void {
    const { logger, now } = this.#context;
    for (const [server, since] of this.#beyond) {
      if (since === undefined || now - since < LINK_MS) continue;
      const route = this.#topology.route(server);
      if (!route) continue;
      this.#beyond.set(server, undefined);
      logger.info("found {address}, over {over}", {
        event: "server.found",
        address: this.#addressOf(server),
        over: this.#addressOf(route.next),
      });
    }
  }

  /** No way leads to a server any more. */
  lost(server: string, before: Route): void {
    const wasTold = this.#beyond.has(server) && this.#beyond.get(server) === undefined;
    this.#beyond.delete(server);
    // The news that its link is lost says so already.
    if (before.next === server || !wasTold) return;
    const address = this.#topology.get(server)?.address ?? server;
    this.#context.logger.info("lost {address}", { event: "server.lost", address });
  }

  /** The way to a server is another one than before. */
  changed(server: string, before: Route | undefined, after: Route): void {
    const { logger, id } = this.#context;
    const isStraight = after.next === server;
    if (isStraight) this.#beyond.delete(server);
    else if (!this.#beyond.has(server)) {
      // Whoever had a link was told of.
      this.#beyond.set(server, before ? undefined : this.#context.now);
    }
    // The news that there is a link says so already.
    if (before?.next === after.next || (!before && isStraight)) return;
    const cost = this.#describe(after.cost);
    const address = this.#addressOf(server);
    if (isStraight) {
      return logger.info("messages for {address} go straight: {cost}", {
        event: "route.changed",
        address,
        cost,
      });
    }
    const straight = this.#topology.cost(id, server);
    const over = this.#addressOf(after.next);
    const why = straight === undefined
      ? "there is no link"
      : `straight: ${this.#describe(straight)}`;
    // Of servers to which there never was a link, only who looks for a fault wants to know.
    const level = straight !== undefined || before?.next === server ? "info" : "debug";
    logger[level]("messages for {address} go over {over}: {cost}; {why}", {
      event: "route.changed",
      address,
      over,
      cost,
      why,
    });
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
