/**
 * The status of this server, as others are told it. Gathers it from the components. Does not know who asks.
 *
 * @module
 */
import type { LinkStatus, RouteStatus, ServerStatus } from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";
import type { LinkCosts } from "../mesh/topology/link_costs.ts";
import { UNKNOWN_COST } from "../mesh/topology/link_states.ts";
import type { Topology } from "../mesh/topology/topology.ts";
import type { UserRegistry } from "../users/registry.ts";
import { QueueSurvey } from "./queue_survey.ts";

/** What the status of a server tells of its program. */
export interface Program {
  /** The system that the server belongs to: `p2p` or `rtt`. */
  readonly system: string;
  /** The version of the server: `0.5.0`. */
  readonly version: string;
  /**
   * Where browsers reach the pages of the server: `https://chat.example:8080`. It may change.
   *
   * @default {none: it serves no pages}
   */
  pages?: string;
}

const UNKNOWN_PROGRAM: Program = { system: "p2p", version: "0" };

/** What {@linkcode OwnStatus} uses. */
export interface OwnStatusParts {
  /** This server's users. */
  readonly users: UserRegistry;
  /** The links to other servers. */
  readonly mesh: ServerNetwork;
  /** The routes to other servers. */
  readonly topology: Topology;
  /** What is stored. */
  readonly mailbox: Mailbox;
  /** The costs of links. */
  readonly costs: LinkCosts;
  /** Returns the number of connections that others have opened. */
  readonly accepted: () => number;
}

const UNKNOWN_USAGE = {
  bytesRead: 0,
  bytesWritten: 0,
  outgoingBytes: 0,
  rssBytes: 0,
  heapBytes: 0,
};

/** Tells the status of one server. */
export class OwnStatus {
  readonly #context: Context;
  readonly #program: Program;
  readonly #parts: OwnStatusParts;
  readonly #startedAt: number;
  readonly #survey: QueueSurvey;

  /** Begins to count the time. */
  constructor(context: Context, program = UNKNOWN_PROGRAM, parts: OwnStatusParts) {
    this.#context = context;
    this.#program = program;
    this.#parts = parts;
    this.#startedAt = context.now;
    this.#survey = new QueueSurvey(parts.mailbox.queues);
  }

  /** Returns the present status. */
  get(): ServerStatus {
    const { id, address, now, counters, host } = this.#context;
    const { users, mesh, mailbox, accepted } = this.#parts;
    const { system, version, pages = "" } = this.#program;
    const { bytesRead, bytesWritten, outgoingBytes, rssBytes, heapBytes } = host.usage?.() ??
      UNKNOWN_USAGE;
    const { oldestAt, inFlight } = this.#survey.look();
    const links = this.#links();
    const dialled = links.filter(({ isDialled }) => isDialled).length;
    return {
      server: id,
      address,
      network: mesh.network.id,
      version,
      system,
      uptimeMs: Math.floor(now - this.#startedAt),
      isDraining: users.closed,
      users: users.count,
      connections: accepted() + dialled,
      totals: { ...counters, bytesRead, bytesWritten },
      queues: { outgoingBytes, inFlight },
      mailbox: {
        messages: mailbox.usage.messages,
        bytes: mailbox.usage.bytes,
        recipients: mailbox.usage.recipients,
        oldestMs: Math.max(0, Math.floor(now - Math.min(oldestAt, now))),
      },
      limitsHit: [...counters.limitsHit].map(([code, count]) => ({ code, count })),
      links,
      routes: this.#routes(links),
      leftOut: 0,
      memory: { rssBytes, heapBytes },
      pages,
    };
  }

  #links(): (LinkStatus & { isDialled: boolean })[] {
    const { id, now } = this.#context;
    const { mesh, topology, costs } = this.#parts;
    const nextHopFor = new Map<string, number>();
    for (const { next } of topology.routes().values()) {
      nextHopFor.set(next, (nextHopFor.get(next) ?? 0) + 1);
    }
    return [...mesh.peers()].map(({ server, address, connection, out, linkedAt }) => ({
      server,
      address: topology.get(server)?.address ?? address,
      rttMs: costs.rttMs?.(server),
      costMs: this.#ms(topology.cost(id, server)),
      queuedBytes: out.length,
      upMs: Math.floor(now - linkedAt),
      nextHopFor: nextHopFor.get(server) ?? 0,
      isDialled: connection.dialled !== undefined,
    }));
  }

  #routes(links: readonly LinkStatus[]): RouteStatus[] {
    const { topology } = this.#parts;
    const linked = new Set(links.map(({ server }) => server));
    const routes: RouteStatus[] = [];
    for (const [server, { next: nextHop, cost, hops }] of topology.routes()) {
      if (!linked.has(nextHop)) continue;
      const { address } = topology.get(server)!;
      routes.push({ server, address, nextHop, hops, costMs: this.#ms(cost) });
    }
    return routes;
  }

  /** Converts the cost of a link or a route. */
  #ms(cost: number | undefined): number | undefined {
    const { isTime = false } = this.#parts.costs;
    return !isTime || cost === undefined || cost >= UNKNOWN_COST ? undefined : cost / 1_000;
  }
}
