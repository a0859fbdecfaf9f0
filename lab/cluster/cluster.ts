/**
 * A cluster: several servers that know each other, in this process or in processes of their own. It starts
 * and kills servers, and slows or cuts their links. Knows nothing of users and messages.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import { ClusterServer } from "./cluster_server.ts";
import { DEADLINE_MS, withDeadline } from "./deadline.ts";
import { FaultProxy } from "../proxy/fault_proxy.ts";
import type { Faults } from "../proxy/faults.ts";
import { type NatsServer, NatsServers } from "./nats_servers.ts";
import { freePorts } from "./ports.ts";

import { randomSeed } from "../random.ts";
import type { ClusterSystem, LoggedEvent } from "./server_start.ts";

export type { ClusterServer } from "./cluster_server.ts";
export type { ClusterSystem, LoggedEvent } from "./server_start.ts";

/** How to start a {@linkcode Cluster}. */
export interface ClusterOptions {
  /** The number of servers: 1 to 25. */
  servers: number;
  /**
   * The system that the servers run.
   *
   * @default {"p2p"}
   */
  system?: ClusterSystem;
  /**
   * Whether each server runs in a process of its own, so that it can really be killed.
   *
   * @default {false}
   */
  processes?: boolean;
  /**
   * The program to run in these processes: a path or URL. It must accept the options of the server program
   * of the system.
   *
   * @default {the server program of the system}
   */
  program?: string;
  /**
   * Whether proxies make it possible to slow and cut connections: one in front of each server for its users,
   * and one for each pair of servers and direction of dialling.
   *
   * @default {false}
   */
  proxies?: boolean;
  /**
   * Whether servers advertise addresses on which nothing listens. Users then know only the addresses that
   * they were given.
   *
   * @default {the value of `proxies`}
   */
  hidden?: boolean;
  /**
   * Returns the faults on the link from one server to another at the start, by their numbers. Needs
   * `proxies`.
   *
   * @default {no faults}
   */
  faults?: (from: number, to: number) => Faults;
  /**
   * The seed of the random decisions of the proxies.
   *
   * @default {a random seed}
   */
  seed?: number;
  /**
   * The folder in which each server stores messages in a folder of its own, so that they survive a crash.
   * An absolute path, or one relative to the working directory.
   *
   * @default {none: messages are stored in memory}
   */
  data?: string;
  /**
   * How many NATS servers connect the servers and store their messages in `data`: 1, 3 or 5. Proxies are then
   * between each server and each NATS server.
   *
   * @default {0, the servers connect with each other}
   */
  nats?: number;
  /** Called with the number of a server and an event that it logged. */
  onEvent?: (server: number, event: LoggedEvent) => void;
}

const MAX_SERVERS = 25;
/**
 * The first of the ports that hidden servers advertise. Nothing listens on them. If servers advertised
 * their real addresses, others would connect to them directly and bypass the proxies.
 */
const DEAD_PORT = 700;

/**
 * Several servers that are linked with each other.
 *
 * @example
 * ```ts
 * import { Cluster } from "@netlab/lab";
 * import { P2pClient } from "@netlab/p2p";
 *
 * await using cluster = await Cluster.start({ servers: 3 });
 * await cluster.linked();
 * const [first, second] = cluster.servers;
 * await using alice = await P2pClient.connect({ name: "Alice", servers: [first!.address] });
 * await using bob = await P2pClient.connect({ name: "Bob", servers: [second!.address] });
 *
 * await cluster.servers[2]!.kill();
 * await cluster.servers[2]!.restart();
 * await cluster.linked();
 * ```
 */
export class Cluster implements AsyncDisposable {
  /** The servers by number, running or not. */
  readonly servers: readonly ClusterServer[];
  /** The proxies between servers, by the numbers of the server that dials and the one that is dialled. */
  readonly #links: FaultProxy[][];
  /** The proxies to NATS, by the numbers of the server and of the NATS server. */
  readonly #natsLinks: FaultProxy[][];
  #nats: NatsServers | undefined;
  /** Closes the proxies, and then the servers. */
  readonly #stack = new AsyncDisposableStack();
  readonly #waiting = new Set<() => void>();

  private constructor(options: ClusterOptions, ports: number[]) {
    const { system = "p2p", program, processes = false, onEvent = () => {} } = options;
    const { proxies = false, hidden = proxies } = options;
    this.#links = ports.map(() => []);
    this.#natsLinks = ports.map(() => []);
    this.servers = ports.map((port, index) =>
      new ClusterServer(index, {
        port,
        system,
        program,
        processes,
        data: options.data && `${options.data}/server-${index}`,
        advertise: `${DEFAULT_HOST}:${hidden ? DEAD_PORT + index : port}`,
        peers: () => this.#peersOf(index),
        nats: () => this.#natsOf(index),
        onEvent: (event) => {
          onEvent(index, event);
          for (const look of [...this.#waiting]) look();
        },
      })
    );
    this.#stack.defer(async () => {
      await Promise.all(this.servers.map((server) => server.kill()));
    });
  }

  /**
   * Starts servers on free ports of 127.0.0.1. They accept connections when this resolves. Use
   * {@linkcode Cluster.linked} to wait until they have found each other.
   *
   * @throws {RangeError} When the number of servers is not from 1 to 25.
   * @throws {Error} When a server does not start. The message contains its output.
   */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const { servers, proxies = false, seed = randomSeed(), nats = 0, data } = options;
    if (!Number.isInteger(servers) || servers < 1 || servers > MAX_SERVERS) {
      throw new RangeError(`Cannot start ${servers} servers: it must be 1 to ${MAX_SERVERS}`);
    }
    if (nats > 0 && data === undefined) {
      throw new TypeError("Cannot start NATS servers: they need a folder");
    }
    const cluster = new Cluster(options, freePorts(servers));
    try {
      if (nats > 0) {
        cluster.#nats = await NatsServers.start({ servers: nats, folder: data! });
        cluster.#stack.defer(() => cluster.#nats!.close());
      }
      if (proxies) await cluster.#startProxies(seed, options.faults);
      const starts = cluster.servers.map((server) => server.restart());
      await Promise.allSettled(starts);
      await Promise.all(starts);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /**
   * Waits until every running server is linked with every other running server.
   *
   * @param deadlineMs How long to wait: milliseconds.
   * @throws {Error} When links are missing at the deadline. The message names them.
   */
  async linked(deadlineMs: number = DEADLINE_MS): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => this.#missingLinks().length === 0 && resolve();
    this.#waiting.add(look);
    look();
    try {
      await withDeadline(promise, deadlineMs, () => {
        const missing = this.#missingLinks().map((pair) => pair.join("-")).join(", ");
        return new Error(`Cannot link all servers within ${deadlineMs} ms: no link ${missing}`);
      });
    } finally {
      this.#waiting.delete(look);
    }
  }

  /**
   * Sets the faults on the link from one server to another, by their numbers. `{}` removes them. The faults
   * in the other direction stay.
   *
   * @throws {TypeError} When the cluster was started without proxies.
   */
  setFaults(from: number, to: number, faults: Faults): void {
    if (this.#nats) {
      for (const proxy of this.#natsLinks[from]!) proxy.set({ toTarget: faults });
      for (const proxy of this.#natsLinks[to]!) proxy.set({ toClient: faults });
      return;
    }
    this.#link(from, to).set({ toTarget: faults });
    this.#link(to, from).set({ toClient: faults });
  }

  /**
   * Resets the link between two servers, whichever of them dialled it. They may link again at once.
   *
   * @throws {TypeError} When the cluster was started without proxies.
   */
  cutLink(one: number, other: number): void {
    if (this.#nats) {
      for (const proxy of this.#natsLinks[one]!) proxy.cut();
      return;
    }
    this.#link(one, other).cut();
    this.#link(other, one).cut();
  }

  /**
   * Silently holds all bytes between two groups of servers until {@linkcode Cluster.heal}.
   *
   * @param direction `"both"`, or `"forth"` to hold only bytes from the first group to the second.
   * @throws {TypeError} When the cluster was started without proxies.
   */
  partition(
    first: readonly number[],
    second: readonly number[],
    direction: "both" | "forth" = "both",
  ): void {
    for (const one of first) {
      for (const proxy of this.#natsLinks[one]!) {
        proxy.partition(direction === "both" ? "both" : "toTarget");
      }
      for (const other of this.#nats ? [] : second) {
        this.#link(one, other).partition(direction === "both" ? "both" : "toTarget");
        this.#link(other, one).partition(direction === "both" ? "both" : "toClient");
      }
    }
  }

  /** Ends all partitions between servers. */
  heal(): void {
    for (const proxy of [...this.#links.flat(), ...this.#natsLinks.flat()]) proxy?.heal();
  }

  /** The NATS servers, if there are any. */
  get nats(): readonly NatsServer[] {
    return this.#nats?.servers ?? [];
  }

  /** Kills all servers and closes all proxies. Closing twice does nothing. */
  close(): Promise<void> {
    return this.#stack.disposeAsync();
  }

  /** Calls {@linkcode Cluster.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #startProxies(
    seed: number,
    faults: (from: number, to: number) => Faults = () => ({}),
  ): Promise<void> {
    let count = 0;
    const inFrontOf = async ({ port }: ClusterServer) => {
      const target = `${DEFAULT_HOST}:${port}`;
      // One after the other, so that each proxy gets the same seed in every run.
      return this.#stack.use(await FaultProxy.start({ target, seed: seed + count++ }));
    };
    for (const server of this.servers) {
      server.proxy = await inFrontOf(server);
      for (const { address, index } of this.#nats?.servers ?? []) {
        const options = { target: address, seed: seed + count++ };
        const proxy = await FaultProxy.start(options);
        this.#natsLinks[server.index]![index] = this.#stack.use(proxy);
      }
      if (this.#nats) continue;
      for (const other of this.servers) {
        if (other === server) continue;
        const proxy = this.#links[other.index]![server.index] = await inFrontOf(server);
        proxy.set({
          toTarget: faults(other.index, server.index),
          toClient: faults(server.index, other.index),
        });
      }
    }
  }

  #peersOf(index: number): string[] {
    return this.servers.filter((other) => other.index !== index).map((other) =>
      this.#links[index]![other.index]?.address ?? other.address
    );
  }

  #natsOf(index: number): string[] {
    const { servers = [] } = this.#nats ?? {};
    const proxies = this.#natsLinks[index]!;
    return servers.map((server) => `nats://${proxies[server.index]?.address ?? server.address}`);
  }

  #link(from: number, to: number): FaultProxy {
    const proxy = this.#links[from]?.[to];
    if (proxy) return proxy;
    throw new TypeError(
      this.#links.flat().length === 0
        ? "Cannot change a link: the cluster was started without proxies"
        : `Cannot change the link ${from}-${to}: there is none`,
    );
  }

  #missingLinks(): [number, number][] {
    const running = this.servers.filter((server) => server.running);
    return running.flatMap((one) =>
      running
        .filter((other) => other !== one && !one.isLinkedWith(other))
        .map((other): [number, number] => [one.index, other.index])
    );
  }
}
