/**
 * The program around a messaging server: options, the choice of a port, log lines, signals. Serves
 * every server that listens as `P2pServer` does; knows nothing of how one works.
 *
 * @module
 */
import { runProgram } from "@netlab/terminal/program";
import { DEFAULT_HOST, DEFAULT_PORTS, formatAddress } from "@netlab/protocol/address";
import type { P2pServerOptions } from "../server.ts";

/** What a program says about itself. */
export interface ServerProgram {
  /** Its name, such as `netlab p2p server`. */
  readonly name: string;
  /** The task that starts it, such as `p2p:server`. */
  readonly task: string;
  /** What it does, in a sentence. */
  readonly summary: string;
  /** The version of its package. */
  readonly version: string;
}

/** A server that runs. */
export interface RunningServer {
  /** Where others reach it, `host:port`. */
  readonly address: string;
  /** The port on which it listens. */
  readonly port: number;
  /** Its id, a UUID. */
  readonly id: string;
  /** Sends its users to other servers, and closes. */
  drain(): Promise<void>;
}

/**
 * Runs a server until a signal ends it, and then the process.
 *
 * @param listen Starts the server.
 */
export async function runServerProgram(
  { name, task, summary, version }: ServerProgram,
  listen: (options: P2pServerOptions) => Promise<RunningServer>,
): Promise<never> {
  return await runProgram({
    name,
    summary,
    version,
    usage: `deno task ${task} [options]`,
    options: {
      port: {
        kind: "port",
        help: "Listen on this port. Default: asked for on a terminal, else the first free one.",
      },
      index: {
        kind: "integer",
        max: DEFAULT_PORTS.length - 1,
        help: "Listen on this one of the default ports: 0 is 5001, 4 is 5005.",
      },
      host: { kind: "string", value: "HOST", default: DEFAULT_HOST, help: "Listen on this host." },
      advertise: {
        kind: "address",
        help: "Where others reach this server, when that is not the host and port it listens on: " +
          "HOST:PORT, or a port of this machine.",
      },
      peer: {
        kind: "address",
        repeat: true,
        help:
          "Another server: HOST:PORT, or a port of this machine. More than one may be given. Default: " +
          "the other default ports.",
      },
      data: {
        kind: "string",
        value: "DIR",
        help:
          "Write messages down in this folder, so that they survive a crash. The tasks permit " +
          "folders below ./data. Default: messages are kept in memory.",
      },
      "max-messages": {
        kind: "integer",
        min: 1,
        default: 1_000,
        help: "Keep so many messages for a user who is away.",
      },
      "max-bytes": {
        kind: "integer",
        min: 1,
        default: 16 * 1024 * 1024,
        help: "Keep so many bytes for a user who is away.",
      },
      "max-days": {
        kind: "integer",
        min: 1,
        max: 36_500,
        default: 7,
        help: "Keep a message for so many days.",
      },
      json: { kind: "flag", help: "Log a JSON object a line." },
      verbose: {
        kind: "flag",
        help: "Log more: every connection attempt, and a line for each message (never its text).",
      },
    },
    examples: [
      { command: `deno task ${task}`, what: "A server on a default port" },
      { command: `deno task ${task} --index 1`, what: "A server on port 5002, without a question" },
      {
        command: `deno task ${task} --port 6001 --peer 5001`,
        what: "A server that joins the network of another",
      },
      {
        command: `deno task ${task} --index 0 --data data/one`,
        what: "A server whose messages survive a crash",
      },
      { command: `deno task ${task} --index 0 --json`, what: "Log lines for a program to read" },
    ],
  }, async ({ port, index, host, advertise, peer, data, json, verbose, ...limits }, stop) => {
    // Nothing of this is needed to show the help or the version.
    const {
      askForPort,
      describeError,
      listenOn,
      listenOnFirstFree,
      printError,
      terminalLogger,
      untilAborted,
      UsageError,
    } = await import("@netlab/terminal");
    if (port !== undefined && index !== undefined) {
      throw new UsageError("Options --port and --index exclude each other");
    }
    if (isEveryAddress(host) && !advertise) {
      throw new UsageError(
        `Option --host ${host} needs --advertise HOST:PORT as well: where others reach this server`,
      );
    }
    let chosen = index === undefined ? port : DEFAULT_PORTS[index];
    if (chosen === undefined && Deno.stdin.isTerminal()) {
      chosen = await askForPort(host, stop);
      if (chosen === undefined) return 0;
    }
    const unread = new AbortController();
    const logger = terminalLogger({
      json,
      level: verbose ? "debug" : "info",
      // A server whose log nobody reads any more ends, in good order; one whose disk is full serves on.
      onLost: (error) =>
        error.nobodyReads
          ? unread.abort()
          : printError(`error: ${describeError(error)} (log lines are lost)`),
    });
    const start = (port: number) =>
      listen({
        hostname: host,
        port,
        logger,
        logMessages: verbose,
        peers: (peer.length > 0 ? peer : defaultPeers(host)).map(formatAddress),
        ...advertise && { advertise: formatAddress(advertise) },
        ...data !== undefined && { data },
        limits: {
          maxMessages: limits["max-messages"],
          maxBytes: limits["max-bytes"],
          maxAgeMs: limits["max-days"] * 24 * 3_600_000,
        },
      });
    const server = chosen === undefined
      ? await listenOnFirstFree(host, start)
      : await listenOn(host, chosen, start);
    const local = formatAddress({ hostname: host, port: server.port });
    const where = server.address === local ? "{address}" : "{local}, reached at {address}";
    logger.info(`listening on ${where}`, {
      event: "listening",
      address: server.address,
      ...server.address !== local && { local },
      id: server.id,
      pid: Deno.pid,
    });
    if (data === undefined) {
      logger.info("messages are kept in memory: a crash loses them; --data DIR writes them down", {
        event: "storage.memory",
      });
    } else logger.info("messages are written down in {data}", { event: "storage.disk", data });
    await untilAborted(AbortSignal.any([stop, unread.signal]));
    logger.info("signing off", { event: "closing" });
    await server.drain();
    return 0;
  });
}

function defaultPeers(host: string): { hostname: string; port: number }[] {
  const hostname = isEveryAddress(host) ? DEFAULT_HOST : host;
  return DEFAULT_PORTS.map((port) => ({ hostname, port }));
}

function isEveryAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
