/**
 * The two ways to start a server of a cluster: in this process, or as a process of its own. Owns what
 * is different between them, so that the cluster sees one kind; knows nothing of other servers.
 *
 * @module
 */
import { P2pServer } from "@netlab/p2p/server";
import { RttServer } from "@netlab/rtt/server";
import { DEFAULT_HOST } from "@netlab/protocol";
import config from "../deno.json" with { type: "json" };
import { Process } from "./process.ts";

/** A system whose servers link up. */
export type ClusterSystem = "p2p" | "rtt";

/** What a server says that it did: the properties of a log line that has an event. */
export interface ServerEvent {
  /** What happened, such as `link.up`. */
  readonly event: string;
  /** The address it is about, if there is one. */
  readonly address?: string;
  /** By way of which address, if it is about a way that is not straight. */
  readonly over?: string;
  /** The whole line, of a server that is a process of its own. */
  readonly message?: string;
}

/** How a server is to be started. */
export interface ServerStart {
  /** What it is. */
  readonly system: ClusterSystem;
  /** The program to run as a process; that of the system when `undefined`. */
  readonly program: string | undefined;
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** What it tells others about where it is. */
  readonly advertise: string;
  /** Where it is to look for the others. */
  readonly peers: readonly string[];
  /** The folder in which it writes messages down; in memory alone when `undefined`. */
  readonly data: string | undefined;
  /** Hears what it says that it did. */
  readonly onEvent: (event: ServerEvent) => void;
}

/** A server that runs. */
export interface StartedServer {
  /** The process that it is, if it is one of its own. */
  readonly pid: number | undefined;
  /** Resolves when it has ended, however it did. */
  readonly ended: Promise<void>;
  /** Ends it: at once and without a word, or in good order. */
  stop(how: "kill" | "terminate"): Promise<void>;
}

/** Starts a server in this process. There, nothing can end it as hard as a kill would. */
export async function startHere(start: ServerStart): Promise<StartedServer> {
  const take = (_message: string, properties: Record<string, unknown> = {}) => {
    if (typeof properties.event === "string") start.onEvent(properties as unknown as ServerEvent);
  };
  const { port, advertise, peers, data } = start;
  const logger = { debug: take, info: take, warn: take, error: take };
  const Server = start.system === "rtt" ? RttServer : P2pServer;
  const server = await Server.listen({
    port,
    advertise,
    peers,
    logger,
    ...data !== undefined && { data },
  });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  return {
    pid: undefined,
    ended,
    stop: () => server.close().then(resolve),
  };
}

/** Starts a server as a process, with the permissions that it needs and no more. */
export async function startProcess(start: ServerStart): Promise<StartedServer> {
  const { port, advertise, peers, data, onEvent } = start;
  const process = Process.start(
    start.program ?? programOf(start.system),
    [
      ...["--port", String(port), "--advertise", advertise, "--json"],
      // A server with no peers of its own would look at the default ports.
      ...(peers.length > 0 ? peers : [advertise]).flatMap((peer) => ["--peer", peer]),
      ...data === undefined ? [] : ["--data", data],
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

/** The server program of a system, beside this module or in the registry, where this one came from. */
function programOf(system: ClusterSystem): string {
  return import.meta.url.startsWith("file:")
    ? new URL(`../../${system}/server.ts`, import.meta.url).href
    : `jsr:@netlab/${system}@${config.version}/server`;
}

function eventIn(line: string): ServerEvent | undefined {
  try {
    const record = JSON.parse(line);
    return typeof record.event === "string" ? record : undefined;
  } catch {
    return undefined; // not a log line: something that Deno says
  }
}
