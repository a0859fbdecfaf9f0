/**
 * One server of a cluster, through its crashes and starts. Owns whether it runs and the links that it
 * said it has; how it is started is in `server_start.ts`.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import type { FaultProxy } from "../proxy/fault_proxy.ts";
import {
  type ServerEvent,
  type ServerStart,
  type StartedServer,
  startHere,
  startProcess,
} from "./server_start.ts";

/** What a server is started with, each time again. */
export interface ClusterServerOptions extends Omit<ServerStart, "peers"> {
  /** Whether it is a process of its own. */
  readonly processes: boolean;
  /** Where it is to look for the others. */
  readonly peers: () => string[];
}

/** A server of a cluster. */
export class ClusterServer {
  /** Its number, from 0. */
  readonly index: number;
  /** What stands between it and its users, in a cluster with proxies. */
  proxy: FaultProxy | undefined;
  readonly #options: ClusterServerOptions;
  /** How many links to an address it has: the next one may be up before the last one is down. */
  readonly #links = new Map<string, number>();
  #started: StartedServer | undefined;

  /** A server that does not run yet. */
  constructor(index: number, options: ClusterServerOptions) {
    this.index = index;
    this.#options = options;
  }

  /** The port on which it listens, the same after every start. */
  get port(): number {
    return this.#options.port;
  }

  /** Where users reach it, `host:port`. */
  get address(): string {
    return this.proxy?.address ?? `${DEFAULT_HOST}:${this.port}`;
  }

  /** What it tells others about where it is, `host:port`. */
  get advertised(): string {
    return this.#options.advertise;
  }

  /** Whether it runs. */
  get running(): boolean {
    return this.#started !== undefined;
  }

  /** The id of its process, if it is one and runs. */
  get pid(): number | undefined {
    return this.#started?.pid;
  }

  /** With how many others it is linked. */
  get links(): number {
    return [...this.#links.values()].filter((count) => count > 0).length;
  }

  /** Whether it said that it is linked with another one. */
  isLinkedWith(other: ClusterServer): boolean {
    return (this.#links.get(other.advertised) ?? 0) > 0;
  }

  /**
   * Starts it again, on its port.
   *
   * @throws {Error} When it runs, or does not start.
   */
  async restart(): Promise<void> {
    if (this.#started) throw new Error(`Cannot start server ${this.index}: it runs`);
    this.#links.clear();
    const { processes, peers, onEvent, ...options } = this.#options;
    const start: ServerStart = {
      ...options,
      peers: peers(),
      onEvent: (event) => {
        this.#count(event);
        onEvent(event);
      },
    };
    const started = await (processes ? startProcess(start) : startHere(start));
    this.#started = started;
    void started.ended.then(() => {
      if (this.#started !== started) return;
      // Nobody stopped it.
      this.#gone();
      onEvent({ event: "crashed" });
    });
  }

  /**
   * Crashes it: `kill -9` for a process. A server in this process is closed, as nothing harsher can be
   * done to it. Does nothing when it does not run.
   */
  kill(): Promise<void> {
    return this.#stop("kill");
  }

  /** Ends it in good order, with SIGTERM. Does nothing when it does not run. */
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

  #count({ event, address }: ServerEvent): void {
    if (address === undefined || (event !== "link.up" && event !== "link.down")) return;
    this.#links.set(address, (this.#links.get(address) ?? 0) + (event === "link.up" ? 1 : -1));
  }
}
