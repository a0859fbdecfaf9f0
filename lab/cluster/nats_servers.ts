/**
 * NATS servers with JetStream: one, or a cluster, each in a process and with a folder of its own. Knows nothing of
 * netlab.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import { DEADLINE_MS } from "./deadline.ts";
import { freePorts } from "./ports.ts";

/** The program. */
const PROGRAM = "nats-server";
/** How often to look whether a server answers: milliseconds. */
const LOOK_MS = 50;

/** How to start {@linkcode NatsServers}. */
export interface NatsServersOptions {
  /**
   * How many servers: 1, or 3 or more for a cluster.
   *
   * @default {1}
   */
  servers?: number;
  /** The folder below which each server gets one of its own. */
  folder: string;
}

/** Returns whether nats-server is installed, and may be run. */
export async function hasNatsServer(): Promise<boolean> {
  try {
    return (await new Deno.Command(PROGRAM, { args: ["--version"], stdout: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

/** One NATS server, through all its starts. */
export class NatsServer {
  /** Its number, from 0. */
  readonly index: number;
  /** Its address for clients: `host:port`. */
  readonly address: string;
  /** Whether it does not start for now. */
  isHeld = false;
  readonly #args: readonly string[];
  #child: Deno.ChildProcess | undefined;

  /** Creates a server that does not run yet. */
  constructor(index: number, port: number, args: readonly string[]) {
    this.index = index;
    this.address = `${DEFAULT_HOST}:${port}`;
    this.#args = ["-a", DEFAULT_HOST, "-p", String(port), "-js", ...args];
  }

  /** Its address as netlab's option `--nats` takes it. */
  get url(): string {
    return `nats://${this.address}`;
  }

  /** Whether it runs. */
  get running(): boolean {
    return this.#child !== undefined;
  }

  /** The process id; `undefined` if it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the server, and waits until it answers. Does nothing if it runs. */
  async restart(): Promise<void> {
    if (this.#child || this.isHeld) return;
    const child = this.#child = new Deno.Command(PROGRAM, {
      args: [...this.#args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const killWithParent = () => child.kill("SIGKILL");
    addEventListener("unload", killWithParent);
    void child.status.then(() => {
      removeEventListener("unload", killWithParent);
      if (this.#child === child) this.#child = undefined;
    });
    const [hostname, port] = this.address.split(":") as [string, string];
    for (const start = performance.now();;) {
      try {
        (await Deno.connect({ hostname, port: Number(port) })).close();
        return;
      } catch (cause) {
        if (performance.now() - start > DEADLINE_MS || !this.#child) {
          throw new Error(`Cannot start NATS server ${this.index}`, { cause });
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    }
  }

  /** Sends a signal to it, such as `SIGSTOP`. */
  signal(signal: Deno.Signal): void {
    this.#child?.kill(signal);
  }

  /** Ends the server: `kill -9`. Does nothing if it does not run. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.kill("SIGKILL");
    await child?.status;
  }
}

/** One or several NATS servers. */
export class NatsServers implements AsyncDisposable {
  /** The servers by number, running or not. */
  readonly servers: readonly NatsServer[];

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** Starts servers on free ports of 127.0.0.1. */
  static async start({ servers: count = 1, folder }: NatsServersOptions): Promise<NatsServers> {
    const ports = freePorts(2 * count);
    const routes = ports.slice(count).map((port) => `nats://${DEFAULT_HOST}:${port}`);
    const servers = Array.from(
      { length: count },
      (_, index) =>
        new NatsServer(index, ports[index]!, [
          ...["-sd", `${folder}/nats-${index}`],
          ...count === 1 ? [] : [
            ...["-n", `n${index}`, "--cluster_name", "netlab", "--cluster", routes[index]!],
            // Clients use the addresses that they were given, which may be those of proxies.
            ...["--routes", routes.join(","), "--no_advertise=true"],
          ],
        ]),
    );
    const all = new NatsServers(servers);
    try {
      await Promise.all(servers.map((server) => server.restart()));
      return all;
    } catch (error) {
      await all.close();
      throw error;
    }
  }

  /** The addresses as netlab's option `--nats` takes them. */
  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  /** Kills all servers. */
  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
  }

  /** Calls {@linkcode NatsServers.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
