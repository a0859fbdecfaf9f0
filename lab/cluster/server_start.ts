/**
 * Starts a server of a cluster, in this process or in a process of its own, and hides the difference from
 * the cluster. Knows nothing of other servers.
 *
 * @module
 */
import { NatsEngine } from "@netlab/nats";
import { P2pServer } from "@netlab/p2p/server";
import { RttServer } from "@netlab/rtt/server";
import { DEFAULT_HOST } from "@netlab/protocol";
import config from "../deno.json" with { type: "json" };
import { Process } from "./process.ts";

/** A system whose servers link with each other. */
export type ClusterSystem = "p2p" | "rtt";

/** An event that a server logged: the properties of a log line that has one. */
export interface LoggedEvent {
  /** The name of the event, such as `link.up`. */
  readonly event: string;
  /** The address of the server that the event is about, `host:port`. */
  readonly address?: string;
  /** The address of the next hop, `host:port`, if the event is about a route over another server. */
  readonly over?: string;
  /** The text of the log line, if the server runs in a process of its own. */
  readonly message?: string;
}

/** How to start a server. */
export interface ServerStart {
  /** The system that the server runs. */
  readonly system: ClusterSystem;
  /** The program to run in a process: a path or URL. `undefined` for the program of the system. */
  readonly program: string | undefined;
  /** The port to listen on at 127.0.0.1. */
  readonly port: number;
  /** The address to advertise to other servers, `host:port`. */
  readonly advertise: string;
  /** The addresses of other servers, `host:port`. */
  readonly peers: readonly string[];
  /** The folder in which to store messages. `undefined` to store them in memory. */
  readonly data: string | undefined;
  /** The NATS servers that connect the servers and store their messages, if there are any: `nats://host:port` each. */
  readonly nats: readonly string[];
  /** Called with each event that the server logs. */
  readonly onEvent: (event: LoggedEvent) => void;
}

/** A running server. */
export interface StartedServer {
  /** The process id. `undefined` if the server has no process of its own. */
  readonly pid: number | undefined;
  /** How much the process has written so far: bytes. 0 if the server has no process of its own. */
  readonly outputBytes: number;
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ends the server: at once, or gracefully. */
  stop(how: "kill" | "terminate"): Promise<void>;
}

/** Starts a server in this process. `stop` always closes it gracefully. */
export async function startHere(start: ServerStart): Promise<StartedServer> {
  const take = (_message: string, properties: Record<string, unknown> = {}) => {
    if (typeof properties.event === "string") start.onEvent(properties as unknown as LoggedEvent);
  };
  const { port, advertise, peers, data, nats } = start;
  const logger = { debug: take, info: take, warn: take, error: take };
  const Server = start.system === "rtt" ? RttServer : P2pServer;
  const server = await Server.listen({
    port,
    advertise,
    peers,
    logger,
    ...nats.length > 0
      ? { engine: await NatsEngine.connect({ servers: nats, replicas: nats.length, logger }) }
      : data !== undefined && { data },
  });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  return {
    pid: undefined,
    outputBytes: 0,
    ended,
    stop: () => server.close().then(resolve),
  };
}

/** Starts a server in a process of its own, with only the permissions that it needs. */
export async function startProcess(start: ServerStart): Promise<StartedServer> {
  const { port, advertise, peers, data, nats, onEvent } = start;
  const process = Process.start(
    start.program ?? programOf(start.system, "server"),
    [
      ...["--port", String(port), "--advertise", advertise, "--json"],
      // Without any peers, a server would look for others on the default ports.
      ...nats.length > 0
        ? ["--nats-replicas", String(nats.length), ...nats.flatMap((url) => ["--nats", url])]
        : [
          ...(peers.length > 0 ? peers : [advertise]).flatMap((peer) => ["--peer", peer]),
          ...data === undefined ? [] : ["--data", data],
        ],
    ],
    {
      permissions: [
        `--allow-net=${DEFAULT_HOST},localhost`,
        ...data === undefined ? [] : [`--allow-read=${data}`, `--allow-write=${data}`],
      ],
      onLine: (line) => {
        const event = eventIn(line);
        if (event) onEvent(event);
      },
    },
  );
  try {
    await process.waitFor((line) => eventIn(line)?.event === "listening");
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
  return {
    pid: process.pid,
    get outputBytes() {
      return process.outputBytes;
    },
    ended: process.ended,
    async stop(how) {
      process.kill(how === "kill" ? "SIGKILL" : "SIGTERM");
      try {
        await process.finished();
      } finally {
        await process[Symbol.asyncDispose]();
      }
    },
  };
}

/**
 * Returns the address of a program: beside this module, or in the registry it was loaded from.
 *
 * @param part Which program of the system.
 */
export function programOf(system: "basic" | ClusterSystem, part: "server" | "client"): string {
  return import.meta.url.startsWith("file:")
    ? new URL(`../../${system}/${part}.ts`, import.meta.url).href
    : `jsr:@netlab/${system}@${config.version}/${part}`;
}

function eventIn(line: string): LoggedEvent | undefined {
  try {
    const record = JSON.parse(line);
    return typeof record.event === "string" ? record : undefined;
  } catch {
    return undefined; // not a log line but a message of Deno
  }
}
