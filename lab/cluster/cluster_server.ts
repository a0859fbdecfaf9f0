/**
 * One server of a cluster, through all its starts and crashes. Tracks whether it runs and which links it
 * has, by the events that it logs. `server_start.ts` starts it.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import type { FaultProxy } from "../proxy/fault_proxy.ts";
import {
  type LoggedEvent,
  type ServerStart,
  type StartedServer,
  startHere,
  startProcess,
} from "./server_start.ts";

/** How to start a server of a cluster, each time. */
export interface ClusterServerOptions extends Omit<ServerStart, "peers" | "nats"> {
  /** Whether it runs in a process of its own. */
  readonly processes: boolean;
  /** Returns the addresses of the other servers, `host:port`. */
  readonly peers: () => string[];
  /** Returns the addresses of NATS servers, if there are any: `nats://host:port` each. */
  readonly nats: () => string[];
}

/** A server of a cluster. */
export class ClusterServer {
  /** The number of the server, from 0. */
  readonly index: number;
  /** The proxy between the server and its users, in a cluster with proxies. */
  proxy: FaultProxy | undefined;
  /** Whether it does not start any more. */
  isLost = false;
  readonly #options: ClusterServerOptions;
  /** How many links there are to each address. A new link may be up before the old one is down. */
  readonly #links = new Map<string, number>();
  #started: StartedServer | undefined;

  /** Creates a server that does not run yet. Clusters call this. */
  constructor(index: number, options: ClusterServerOptions) {
    this.index = index;
    this.#options = options;
  }

  /** The port on which the server listens. It is the same after every start. */
  get port(): number {
    return this.#options.port;
  }

  /** The address for users, `host:port`: that of the proxy if there is one. */
  get address(): string {
    return this.proxy?.address ?? `${DEFAULT_HOST}:${this.port}`;
  }

  /** The address that the server advertises to other servers, `host:port`. */
  get advertised(): string {
    return this.#options.advertise;
  }

  /** Whether the server runs. */
  get running(): boolean {
    return this.#started !== undefined;
  }

  /** The process id. `undefined` if the server has no process of its own, or does not run. */
  get pid(): number | undefined {
    return this.#started?.pid;
  }

  /** How much the process has written since its start: bytes. 0 without a process. */
  get outputBytes(): number {
    return this.#started?.outputBytes ?? 0;
  }

  /** The number of other servers with which this one is linked. */
  get links(): number {
    return [...this.#links.values()].filter((count) => count > 0).length;
  }

  /** Whether this server has logged that it is linked with another one. */
  isLinkedWith(other: ClusterServer): boolean {
    return (this.#links.get(other.advertised) ?? 0) > 0;
  }

  /**
   * Starts the server on its port.
   *
   * @throws {Error} When it runs already, or does not start. The message then contains its output.
   */
  async restart(): Promise<void> {
    if (this.isLost) return;
    if (this.#started) throw new Error(`Cannot start server ${this.index}: it is already running`);
    this.#links.clear();
    const { processes, peers, nats, onEvent, ...options } = this.#options;
    const start: ServerStart = {
      ...options,
      peers: peers(),
      nats: nats(),
      onEvent: (event) => {
        this.#count(event);
        onEvent(event);
      },
    };
    const started = await (processes ? startProcess(start) : startHere(start));
    this.#started = started;
    void started.ended.then(() => {
      if (this.#started !== started) return;
      // Neither kill nor terminate was called: the server crashed by itself.
      this.#gone();
      onEvent({ event: "crashed" });
    });
  }

  /**
   * Kills the server: `kill -9` for a process. A server in this process can only be closed. Does nothing
   * if it does not run.
   */
  kill(): Promise<void> {
    return this.#stop("kill");
  }

  /** Shuts the server down gracefully, with SIGTERM. Does nothing if it does not run. */
  terminate(): Promise<void> {
    return this.#stop("terminate");
  }

  async #stop(how: "kill" | "terminate"): Promise<void> {
    const started = this.#started;
    if (!started) return;
    this.#gone();
    await started.stop(how);
  }

  #gone(): void {
    this.#started = undefined;
    this.#links.clear();
  }

  #count({ event, address }: LoggedEvent): void {
    if (address === undefined || (event !== "link.up" && event !== "link.down")) return;
    this.#links.set(address, (this.#links.get(address) ?? 0) + (event === "link.up" ? 1 : -1));
  }
}
