/**
 * The program around a messaging server: options, the choice of a port, the log, and signals. Works with every
 * server that listens as `P2pServer` does. Must not know how a server works.
 *
 * @module
 */
import {
  askForPort,
  describeError,
  findHost,
  isPersonThere,
  listenOn,
  listenOnFirstFree,
  printError,
  runProgram,
  terminalLogger,
  untilAborted,
  UsageError,
} from "@netlab/terminal";
import {
  DEFAULT_HOST,
  DEFAULT_PORTS,
  formatAddress,
  invalidNetworkReason,
  isCreatedNetwork,
  isEveryAddress,
  isLoopbackHost,
} from "@netlab/protocol";
import type { P2pServerOptions } from "../server.ts";
import type { WebHost } from "@netlab/web";
import { limitOptions, limitsOf } from "./limit_options.ts";
import { checkWebOptions, serveWeb, webOptions } from "./web_options.ts";

/** Describes a server program. */
export interface ServerProgram {
  /** Its name, such as `netlab p2p server`. */
  readonly name: string;
  /** The task that starts it, such as `p2p:server`. */
  readonly task: string;
  /** What it does, in one or two sentences. */
  readonly summary: string;
  /** The version of its package. */
  readonly version: string;
}

/** A running server. */
export interface RunningServer extends WebHost {
  /** The port on which it listens. */
  readonly port: number;
  /** Its id, a UUID. */
  readonly id: string;
  /** The id of its network. */
  readonly network: string;
  /** Moves its users to other servers and closes. */
  drain(): Promise<void>;
}

/**
 * Runs a server until a signal stops it. Then ends the process.
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
        help:
          "The port to listen on. Default: the first free default port. If a person is at the " +
          "terminal, the program asks first, and waits five seconds for a key.",
      },
      index: {
        kind: "integer",
        max: DEFAULT_PORTS.length - 1,
        help: "The index of the default port to listen on: 0 is 5001, 4 is 5005.",
      },
      host: {
        kind: "host",
        default: DEFAULT_HOST,
        help: "The host name or IP address to listen on.",
      },
      advertise: {
        kind: "address",
        help:
          "The address at which others reach this server, if it differs from the host and port " +
          "it listens on: HOST:PORT, or a port of this machine. It begins with tls:// if others " +
          "reach this server with TLS, which --tls-cert implies.",
      },
      peer: {
        kind: "address",
        repeat: true,
        help:
          "The address of another server: HOST:PORT, or a port of this machine; with tls:// before " +
          "it if that server uses TLS. Default: the " +
          "other default ports of the host that the server listens on; none with an --advertise " +
          "that names another host.",
      },
      network: {
        kind: "string",
        value: "NAME",
        help: "The name of the network. Servers with different names never link. Default: the " +
          "network of the folder in --data, or one without a name, which includes the servers " +
          "without a name that this one is told of.",
      },
      keys: {
        kind: "string",
        value: "FILE",
        help:
          "The file with the keys of the network (deno task keys create). Only users and servers " +
          "with a token can then connect. The server looks for no others but those of --peer. " +
          "Default: the network is open to everyone who reaches this server.",
      },
      "token-file": {
        kind: "string",
        value: "FILE",
        help: "The file with this server's token (deno task keys token --role server), which it " +
          "needs to link with others on a network with keys.",
      },
      revoked: {
        kind: "string",
        value: "FILE",
        help: 'The list of revoked tokens: lines "jti ID" or "sub NAME".',
      },
      "insecure-token": {
        kind: "flag",
        help:
          "Send this server's token to other machines although the connection is not encrypted.",
      },
      open: {
        kind: "flag",
        help: "Permit --host to be other than loopback without --keys: anyone who reaches this " +
          "server can then register.",
      },
      legacy: {
        kind: "flag",
        help:
          "Take legacy programs, which have no tokens. Default: only on loopback, without --keys.",
      },
      "no-legacy": { kind: "flag", help: "Take no legacy programs on loopback either." },
      data: {
        kind: "string",
        value: "DIR",
        help: "Store messages in this folder, so that they survive a crash. The tasks permit " +
          "folders below ./data. Default: messages are stored in memory.",
      },
      "tls-cert": {
        kind: "string",
        value: "FILE",
        help:
          "Use TLS, with the certificate in this file. The server then takes no other connections. " +
          "When the file changes, new connections get the new certificate. The tasks permit files " +
          'below ./data, and "deno task certificate" creates some there.',
      },
      "tls-key": {
        kind: "string",
        value: "FILE",
        help:
          "The file with the private key of the certificate. Others must not be able to read it.",
      },
      "tls-ca": {
        kind: "string",
        value: "FILE",
        help:
          "A file with the certificate of an authority, which is trusted besides the public ones " +
          "when the server connects to others with TLS.",
      },
      ...webOptions,
      ...limitOptions,
      json: { kind: "flag", help: "Log one JSON object per line." },
      verbose: {
        kind: "flag",
        help: "Also log every connection attempt and every message (but never its text).",
      },
    },
    examples: [
      { command: `deno task ${task}`, what: "Start a server on a default port" },
      { command: `deno task ${task} --index 1`, what: "Start a server on port 5002" },
      {
        command: `deno task ${task} --port 6001 --peer 5001`,
        what: "Start a server that joins the network of another",
      },
      {
        command: `deno task ${task} --index 0 --data data/one`,
        what: "Start a server whose messages survive a crash",
      },
      {
        command: `deno task ${task} --tls-cert FILE --tls-key FILE --tls-ca FILE`,
        what: 'Start a server with TLS, with files that "deno task certificate" has created',
      },
      { command: `deno task ${task} --index 0 --json`, what: "Write log lines for programs" },
    ],
    outlivesOutput: true,
  }, async ({ port, index, host, advertise, peer, data, json, verbose, ...rest }, stop) => {
    if (port !== undefined && index !== undefined) {
      throw new UsageError("Options --port and --index exclude each other");
    }
    if (advertise && isEveryAddress(advertise.hostname)) {
      throw new UsageError(
        `Option --advertise: others cannot connect to ${formatAddress(advertise)}; ` +
          "name the address at which they reach this server",
      );
    }
    if (isEveryAddress(host) && !advertise) {
      throw new UsageError(
        `Option --host ${host} requires --advertise HOST:PORT: the address at which others reach ` +
          "this server",
      );
    }
    checkWebOptions(rest);
    if (!await findHost(host, stop)) return 0;
    const { network, keys, legacy, revoked } = rest;
    const tokenFile = rest["token-file"];
    if (keys === undefined && (tokenFile !== undefined || revoked !== undefined)) {
      throw new UsageError("Options --token-file and --revoked require --keys FILE");
    }
    if (legacy && rest["no-legacy"]) {
      throw new UsageError("Options --legacy and --no-legacy exclude each other");
    }
    const why = network === undefined ? undefined : invalidNetworkReason(network);
    if (why !== undefined) throw new UsageError(`Option --network: ${why}`);
    const { "tls-cert": tlsCert, "tls-key": tlsKey, "tls-ca": tlsCa } = rest;
    const tls = tlsCert !== undefined;
    if (tls !== (tlsKey !== undefined)) {
      throw new UsageError("Options --tls-cert and --tls-key need each other");
    }
    const peers = peer.map(formatAddress);
    const namesPeers = peer.length > 0 || keys !== undefined;
    const defaultPeers = namesPeers ? [] : addressesNear(host, advertise?.hostname, tls);
    const given = index === undefined ? port : DEFAULT_PORTS[index];
    const chosen = given ?? (isPersonThere() ? await askForPort(host, stop) : "first free");
    if (chosen === undefined) return 0;
    const logger = terminalLogger({
      json,
      level: verbose ? "debug" : "info",
      onLost: (error) =>
        printError(
          `error: ${describeError(error)} (the server goes on, and tries again every second)`,
        ),
    });
    const start = (port: number) =>
      listen({
        hostname: host,
        port,
        logger,
        logMessages: verbose,
        peers,
        defaultPeers,
        ...network !== undefined && { network },
        ...advertise && { advertise: formatAddress(advertise) },
        ...data !== undefined && { data },
        ...keys !== undefined && { keys },
        ...tokenFile !== undefined && { tokenFile },
        ...revoked !== undefined && { revoked },
        ...(legacy || rest["no-legacy"]) && { legacy },
        insecureToken: rest["insecure-token"],
        open: rest.open,
        ...tlsCert !== undefined && { tlsCert },
        ...tlsKey !== undefined && { tlsKey },
        ...tlsCa !== undefined && { tlsCa },
        limits: limitsOf(rest),
      });
    const server = chosen === "first free"
      ? await listenOnFirstFree(host, start)
      : await listenOn(host, chosen, start);
    const local = formatAddress({ hostname: host, port: server.port, tls });
    const where = server.address === local ? "{address}" : "{local}, advertised as {address}";
    const inside = isCreatedNetwork(server.network) ? "" : ", in the network {network}";
    logger.info(`listening on ${where}${inside}`, {
      event: "listening",
      address: server.address,
      network: server.network,
      ...server.address !== local && { local },
      id: server.id,
      pid: Deno.pid,
    });
    if (peers.length + defaultPeers.length === 0) {
      logger.info("looking for no other servers; --peer HOST:PORT names one", {
        event: "peers.none",
      });
    }
    if (keys !== undefined && legacy) {
      logger.warn(
        "legacy programs need no token: anyone who reaches this server can register as one",
        { event: "legacy.open" },
      );
    }
    if (data === undefined) {
      logger.info(
        "messages are stored in memory and lost in a crash; --data DIR stores them on disk",
        {
          event: "storage.memory",
        },
      );
    } else logger.info("messages are stored in {data}", { event: "storage.disk", data });
    const web = await serveWeb(server, rest).catch(async (error) => {
      await server.drain();
      throw error;
    });
    if (web) {
      logger.info("serving web pages at {origin}", { event: "web", origin: web.origin });
    }
    await untilAborted(stop);
    logger.info("closing", { event: "closing" });
    await server.drain();
    await web?.close();
    return 0;
  });
}

/**
 * The servers to look for when none is given: those on the default ports of the same host, with TLS if this server
 * uses it. There are none when the server is to be reached at another host, because those would not be.
 */
function addressesNear(host: string, advertised: string | undefined, tls: boolean): string[] {
  const hostname = isEveryAddress(host) ? DEFAULT_HOST : host;
  const isHere = advertised === undefined || advertised === hostname || isLoopbackHost(advertised);
  if (!isHere) return [];
  return DEFAULT_PORTS.map((port) => formatAddress({ hostname, port, tls }));
}
