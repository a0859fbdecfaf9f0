/**
 * The servers that are attacked, each in a process of its own: a cluster, or servers of the basic system.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import { Cluster } from "../cluster/cluster.ts";
import { freePorts } from "../cluster/ports.ts";
import { Process } from "../cluster/process.ts";
import { type ClusterSystem, programOf } from "../cluster/server_start.ts";

/** A system whose servers can be attacked. */
export type AttackedSystem = "basic" | ClusterSystem;

/** How to start the servers. */
export interface TargetOptions {
  /** The system. */
  readonly system: AttackedSystem;
  /** The number of servers. */
  readonly servers: number;
  /** The program of the servers: a path or URL. `undefined` for the program of the system. */
  readonly program: string | undefined;
  /** The folder in which they store messages. `undefined` to store them in memory. */
  readonly data: string | undefined;
}

/** Servers that are attacked. */
export interface Target extends AsyncDisposable {
  /** The addresses for users, `host:port`. */
  readonly addresses: readonly string[];
  /** The process ids. */
  readonly pids: readonly number[];
  /** How much the servers have written to their logs: bytes. */
  readonly outputBytes: number;
  /** How often a link between two of the servers broke. */
  readonly lostLinks: number;
  /** How many of the servers have ended by themselves. */
  readonly crashed: number;
}

/** Starts servers, and waits until all of them are linked. */
export async function startTarget(options: TargetOptions): Promise<Target> {
  const { system } = options;
  return system === "basic" ? await startBasic(options) : await startCluster(options, system);
}

async function startCluster(
  { servers, program, data }: TargetOptions,
  system: ClusterSystem,
): Promise<Target> {
  let [lostLinks, crashed] = [0, 0];
  let addresses: string[] = [];
  const cluster = await Cluster.start({
    servers,
    system,
    processes: true,
    ...program !== undefined && { program },
    ...data !== undefined && { data },
    onEvent: (_, { event, address = "" }) => {
      if (event === "crashed") crashed++;
      // Attackers have links, too.
      if (event === "link.down" && addresses.includes(address)) lostLinks++;
    },
  });
  try {
    await cluster.linked();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  addresses = cluster.servers.map(({ address }) => address);
  return {
    addresses,
    pids: cluster.servers.map(({ pid }) => pid!),
    get outputBytes() {
      return cluster.servers.reduce((sum, server) => sum + server.outputBytes, 0);
    },
    get lostLinks() {
      return lostLinks;
    },
    get crashed() {
      return crashed;
    },
    [Symbol.asyncDispose]: () => cluster.close(),
  };
}

async function startBasic({ servers, program }: TargetOptions): Promise<Target> {
  const stack = new AsyncDisposableStack();
  const ports = freePorts(servers);
  let crashed = 0;
  let closing = false;
  const processes = ports.map((port) => {
    const args = ["--port", String(port)];
    const process = stack.use(Process.start(program ?? programOf("basic", "server"), args));
    void process.ended.then(() => {
      if (!closing) crashed++;
    });
    return process;
  });
  try {
    await Promise.all(processes.map((process) => process.waitFor(/listening/i)));
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
  return {
    addresses: ports.map((port) => `${DEFAULT_HOST}:${port}`),
    pids: processes.map(({ pid }) => pid),
    get outputBytes() {
      return processes.reduce((sum, { outputBytes }) => sum + outputBytes, 0);
    },
    lostLinks: 0,
    get crashed() {
      return crashed;
    },
    [Symbol.asyncDispose]() {
      closing = true;
      return stack.disposeAsync();
    },
  };
}
