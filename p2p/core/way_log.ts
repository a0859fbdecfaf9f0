/**
 * Tells the operator which way messages go, and why. Owns the words; decides nothing.
 *
 * @module
 */
import type { Context } from "./host.ts";
import type { LinkCosts } from "./link_costs.ts";
import { SILENT_COST, UNKNOWN_COST } from "./link_states.ts";
import type { Route, Topology } from "./topology.ts";

/** The log of ways. */
export class WayLog {
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #costs: LinkCosts;

  /** A log for the ways of one server. */
  constructor(context: Context, topology: Topology, costs: LinkCosts) {
    this.#context = context;
    this.#topology = topology;
    this.#costs = costs;
  }

  /** The way to a server is another one than before. */
  changed(server: string, before: Route | undefined, after: Route): void {
    const { logger, id } = this.#context;
    const isStraight = after.next === server;
    // The news that there is a link says so already.
    if (before?.next === after.next || (!before && isStraight)) return;
    const cost = this.#describe(after.cost);
    const address = this.#addressOf(server);
    if (isStraight) {
      return logger.info("messages for {address} go straight: {cost}", {
        event: "way.changed",
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
      event: "way.changed",
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
