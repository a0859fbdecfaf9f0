/**
 * Several servers that know of each other, in this process or as processes of their own: started,
 * killed and started again, with links that can be slowed and cut. Owns who runs and who is linked with
 * whom; knows nothing of users and messages.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import { ClusterServer } from "./cluster_server.ts";
import { FaultProxy } from "../proxy/fault_proxy.ts";
import type { Faults } from "../proxy/faults.ts";
import { freePorts } from "./ports.ts";
import { DEADLINE_MS } from "./process.ts";
import { randomSeed } from "../random.ts";
import type { ClusterSystem, ServerEvent } from "./server_start.ts";

export type { ClusterServer } from "./cluster_server.ts";
export type { ClusterSystem, ServerEvent } from "./server_start.ts";

/** What a {@linkcode Cluster} consists of. */
export interface ClusterOptions {
  /** How many servers: 1 to 25. */
  servers: number;
  /**
   * The system that they belong to.
   *
   * @default {"p2p"}
   */
  system?: ClusterSystem;
  /**
   * Whether each server is a process of its own, so that it can be killed for real.
   *
   * @default {false}
   */
  processes?: boolean;
  /**
   * The program that each of these processes runs: one that takes the options of the system's own.
   *
   * @default {the system's own}
   */
  program?: string;
  /**
   * Whether there is a proxy in front of each server for its users, and one for each server that may
   * dial it, so that links can be made worse.
   *
   * @default {false}
   */
  proxies?: boolean;
  /**
   * Whether servers tell others addresses on which nobody listens, so that users know only those that they
   * were given.
   *
   * @default {with proxies}
   */
  hidden?: boolean;
  /**
   * What is wrong from the start with what goes from one server to another, by their numbers. For a
   * cluster with proxies.
   *
   * @default {nothing}
   */
  faults?: (from: number, to: number) => Faults;
  /**
   * What the proxies' chance starts from.
   *
   * @default {a random one}
   */
  seed?: number;
  /**
   * The folder below which each server writes messages down, in one of its own, so that they survive
   * its crashes. Absolute, or relative to where the program was started.
   *
   * @default {none: messages are kept in memory}
   */
  data?: string;
  /** Hears what the servers say they did, with the number of the server. */
  onEvent?: (server: number, event: ServerEvent) => void;
}

const MAX_SERVERS = 25;
/**
 * Hidden servers advertise ports on which nobody listens, from this one up: whoever learned of a server
 * from another one would go round the proxy on its way.
 */
const DEAD_PORT = 700;

/**
 * Servers that are linked with each other.
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
  /** The servers, running or not. */
  readonly servers: readonly ClusterServer[];
  readonly #links: FaultProxy[][];
  /** What ends with the cluster: its servers last, when nothing stands between them any more. */
  readonly #stack = new AsyncDisposableStack();
  readonly #waiting = new Set<() => void>();

  private constructor(options: ClusterOptions, ports: number[]) {
    const { system = "p2p", program, processes = false, onEvent = () => {} } = options;
    const { proxies = false, hidden = proxies } = options;
    this.#links = ports.map(() => []);
    this.servers = ports.map((port, index) =>
      new ClusterServer(index, {
        port,
        system,
        program,
        processes,
        data: options.data && `${options.data}/server-${index}`,
        advertise: `${DEFAULT_HOST}:${hidden ? DEAD_PORT + index : port}`,
        peers: () => this.#peersOf(index),
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
   * Starts servers on free ports of 127.0.0.1. They accept connections when this returns;
   * {@linkcode Cluster.linked} says when they have found each other.
   *
   * @throws {RangeError} When the number of servers is not from 1 to 25.
   * @throws {Error} When one does not start, with what it said.
   */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const { servers, proxies = false, seed = randomSeed() } = options;
    if (!Number.isInteger(servers) || servers < 1 || servers > MAX_SERVERS) {
      throw new RangeError(`Cannot start ${servers} servers: it must be 1 to ${MAX_SERVERS}`);
    }
    const cluster = new Cluster(options, freePorts(servers));
    try {
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
   * Resolves when every running server is linked with every other running one.
   *
   * @throws {Error} When they are not within `deadlineMs`; it says who is not linked with whom.
   */
  async linked(deadlineMs: number = DEADLINE_MS): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => this.#missingLinks().length === 0 && resolve();
    const timer = setTimeout(() => {
      const missing = this.#missingLinks().map((pair) => pair.join("-")).join(", ");
      reject(new Error(`Cannot link all servers within ${deadlineMs} ms: no link ${missing}`));
    }, deadlineMs);
    this.#waiting.add(look);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }

  /**
   * Sets what is wrong with what goes from one server to another; `{}` takes it away. The other way
   * keeps its own faults.
   *
   * @throws {TypeError} When the cluster was started without proxies.
   */
  setFaults(from: number, to: number, faults: Faults): void {
    this.#link(from, to).set({ toTarget: faults });
    this.#link(to, from).set({ toClient: faults });
  }

  /** Resets the link between two servers, whoever dialled it. Errors as for {@linkcode setFaults}. */
  cutLink(one: number, other: number): void {
    this.#link(one, other).cut();
    this.#link(other, one).cut();
  }

  /**
   * Lets nothing through between two groups of servers until {@linkcode Cluster.heal}, and tells nobody.
   * Errors as for {@linkcode Cluster.setFaults}.
   *
   * @param ways `"both"`, or `"forth"` to hold only what the first group says to the second.
   */
  partition(
    first: readonly number[],
    second: readonly number[],
    ways: "both" | "forth" = "both",
  ): void {
    for (const one of first) {
      for (const other of second) {
        this.#link(one, other).partition(ways === "both" ? "both" : "toTarget");
        this.#link(other, one).partition(ways === "both" ? "both" : "toClient");
      }
    }
  }

  /** Ends all partitions between servers. */
  heal(): void {
    for (const proxy of this.#links.flat()) proxy?.heal();
  }

  /** Ends all servers, at once, and all proxies. Closing twice does nothing. */
  close(): Promise<void> {
    return this.#stack.disposeAsync();
  }

  /** The same as {@linkcode Cluster.close}. */
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
      // One after the other, so that each has the same seed every time.
      return this.#stack.use(await FaultProxy.start({ target, seed: seed + count++ }));
    };
    for (const server of this.servers) {
      server.proxy = await inFrontOf(server);
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

  #link(from: number, to: number): FaultProxy {
    const proxy = this.#links[from]?.[to];
    if (proxy) return proxy;
    throw new TypeError(
      this.#links.flat().length === 0
        ? "Cannot reach into a link: start the cluster with proxies"
        : `Cannot reach into the link ${from}-${to}: there is none`,
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
