/**
 * Simulates one network of a given size under churn, with the shipped core under a virtual clock, and measures
 * what it costs each server. Knows nothing of processes and files.
 *
 * @module
 */
import { between, type Random, seeded } from "../random.ts";
import { VirtualNetwork } from "../simulator/world/virtual_network.ts";
import type { VirtualNode } from "../simulator/world/virtual_node.ts";
import { LinkTraffic, shareOf, sumOf, type Traffic } from "./link_traffic.ts";
import { NETWORKS } from "./networks.ts";
import { Population, type RegisteredUser } from "./population.ts";

/** What to simulate. */
export interface ScalePlan {
  /** The kind of network: a name of `NETWORKS`. */
  readonly network: string;
  /** The number of servers: 2 or more. */
  readonly servers: number;
  /** The number of users on all servers together. */
  readonly users: number;
  /** How long users join, leave and move: seconds of virtual time. */
  readonly seconds: number;
  /** The seed of all random decisions. */
  readonly seed: number;
}

/** What a network costs each server. */
export interface ScaleResult {
  /** The network. */
  readonly plan: ScalePlan;
  /** The mean number of links of a server. */
  readonly links: number;
  /** How long after their start all servers knew each other and all users: milliseconds. */
  readonly startMs: number;
  /** What each server sent to others in a second of churn. */
  readonly perSecond: Traffic;
  /** How long after a user joined all servers knew of it, in the slowest case: milliseconds. */
  readonly joinMs: number;
  /** How long after a crash no server had a route to the crashed one: milliseconds. */
  readonly lostMs: number;
  /** How long after its return all servers knew each other and all users: milliseconds. */
  readonly backMs: number;
  /** What each server sent to others during that time, apart from heartbeats: bytes. */
  readonly backBytes: number;
  /** The memory of the whole simulation divided by the number of servers: bytes. */
  readonly memoryBytes: number;
  /** How long the simulation took: seconds. */
  readonly tookS: number;
}

/** Each user joins, leaves or moves once in this time, on average: seconds. */
export const CHURN_S = 600;
/** Of so many changes, one is a user who joins, one is another who leaves, and one is a move. */
export const CHANGES = 3;
/**
 * How long servers are left alone once they know each other: milliseconds. They announce a new link again after at
 * most ten seconds.
 */
export const SETTLE_MS = 12_000;
/** How long the users of a crashed server take to be back, and others to know of it: milliseconds. */
const BACK_MS = 3_000;
/** How long a change may take until it is known everywhere: milliseconds. */
const MOST_MS = 120_000;
/** How many joins are followed, and the time between them: milliseconds. */
const FOLLOWED = 20;
const BETWEEN_MS = 100;

/**
 * Simulates a network.
 *
 * @param memory Returns the memory in use, after a collection of what is not: bytes.
 * @throws {Error} When servers do not agree within two minutes of virtual time.
 */
export function simulateScale(plan: ScalePlan, memory: () => number): ScaleResult {
  const beganAt = performance.now();
  const before = memory();
  const run = new ScaleRun(plan);
  const startMs = run.start();
  const perSecond = run.churn();
  const joinMs = run.slowestJoin();
  const memoryBytes = (memory() - before) / plan.servers;
  const links = run.meanLinks;
  const lostMs = run.crash();
  const { backMs, backBytes } = run.comeBack();
  const tookS = (performance.now() - beganAt) / 1_000;
  return {
    plan,
    links,
    startMs,
    perSecond,
    joinMs,
    lostMs,
    backMs,
    backBytes,
    memoryBytes,
    tookS,
  };
}

class ScaleRun {
  readonly #plan: ScalePlan;
  readonly #random: Random;
  readonly #network: VirtualNetwork;
  readonly #traffic: LinkTraffic;
  readonly #nodes: readonly VirtualNode[];
  readonly #population: Population;
  readonly #crashed: VirtualNode;

  constructor(plan: ScalePlan) {
    this.#plan = plan;
    const random = this.#random = seeded(plan.seed, 5);
    const network = this.#network = new VirtualNetwork(plan.seed);
    this.#traffic = new LinkTraffic(network);
    this.#nodes = NETWORKS.get(plan.network)!.start(network, plan.servers, random);
    this.#population = new Population(network, this.#nodes);
    for (let user = 0; user < plan.users; user++) {
      this.#population.join(this.#nodes[user % plan.servers]!);
    }
    this.#crashed = this.#nodes[between(random, 0, plan.servers - 1)]!;
  }

  get meanLinks(): number {
    const links = this.#nodes.map(({ core }) => core.mesh.peerCount);
    return links.reduce((sum, count) => sum + count, 0) / links.length;
  }

  start(): number {
    const ms = this.#untilKnown(this.#population.onePerServer());
    this.#network.run(SETTLE_MS);
    return ms;
  }

  churn(): Traffic {
    const { seconds, users, servers } = this.#plan;
    const network = this.#network;
    const ms = seconds * 1_000;
    const changes = Math.round(users * seconds / CHURN_S);
    const make = (change: number) => {
      if (change >= changes) return;
      if (change % CHANGES === 0) this.#population.join();
      else if (change % CHANGES === 1) this.#population.leave();
      else this.#population.move();
      network.after(ms / changes, () => make(change + 1));
    };
    this.#traffic.take();
    make(0);
    network.run(ms);
    return shareOf(this.#traffic.take(), servers * seconds);
  }

  slowestJoin(): number {
    const times = Array.from({ length: FOLLOWED }, () => {
      this.#network.run(BETWEEN_MS);
      return this.#untilKnown([this.#population.join()]);
    });
    return Math.max(...times);
  }

  crash(): number {
    const { core: { id } } = this.#crashed;
    this.#crashed.crash();
    this.#population.leaveServer(this.#crashed);
    const ms = this.#until(
      this.#nodes.filter(({ isRunning }) => isRunning),
      ({ core }) => core.topology.route(id) === undefined,
    );
    this.#network.run(BACK_MS);
    return ms;
  }

  comeBack(): { backMs: number; backBytes: number } {
    this.#traffic.take();
    this.#crashed.start();
    const backMs = this.#untilKnown(this.#population.onePerServer());
    this.#network.run(BACK_MS);
    const traffic = this.#traffic.take();
    const bytes = sumOf(traffic).bytes - traffic.heartbeats.bytes;
    return { backMs, backBytes: bytes / this.#plan.servers };
  }

  /** Lets time pass until all servers have routes to all others, and know where some users are. */
  #untilKnown(users: readonly RegisteredUser[]): number {
    return this.#until(
      this.#nodes,
      ({ core }) =>
        core.topology.routes().size === this.#nodes.length - 1 &&
        users.every(({ name, node }) => core.locations.isHeldAt(name, node.core.id)),
    );
  }

  /** Lets time pass until something is true of all servers, one after the other. */
  #until(nodes: readonly VirtualNode[], isTrue: (node: VirtualNode) => boolean): number {
    const waiting = [...nodes];
    return this.#network.until(() => {
      while (waiting.length > 0 && isTrue(waiting.at(-1)!)) waiting.pop();
      return waiting.length === 0;
    }, MOST_MS);
  }
}
