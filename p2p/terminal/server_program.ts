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
import { limitOptions, limitsOf } from "./limit_options.ts";
import {
  isServerThread,
  type ListenWith,
  listenWithPages,
  type RunningServer,
  runServerThread,
  type ThreadOptions,
} from "./threads/server_thread.ts";
import { checkPorts, firstFailure, listenInThreads } from "./threads/several_servers.ts";
import { natsOf, natsOptions } from "./nats_options.ts";
import { checkWebOptions, webOptions } from "./web_options.ts";

export type { ListenWith, RunningServer } from "./threads/server_thread.ts";

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
  /** The URL of the program, which is run again in a thread for each of several servers. */
  readonly module: string;
}

/**
 * Runs a server, or one in a thread of its own for each of several ports, until a signal stops it. Then ends the
 * process.
 *
 * @param listen Starts the server.
 */
export async function runServerProgram(
  { name, task, summary, version, module }: ServerProgram,
  listen: ListenWith,
): Promise<never> {
  if (isServerThread) return await runServerThread(listen);
  return await runProgram({
    name,
    summary,
    version,
    usage: `deno task ${task} [options]`,
    options: {
      port: {
        kind: "port",
        repeat: true,
        value: "PORT,PORT",
        help:
          "The port to listen on. Default: the first free default port. If a person is at the " +
          "terminal, the program asks first, and waits five seconds for a key. With several ports, " +
          "there is a server for each, in a thread of its own: one for each core.",
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
        repeat: true,
        value: "HOST:PORT",
        help:
          "The address at which others reach this server, if it differs from the host and port " +
          "it listens on: HOST:PORT, or a port of this machine. It begins with tls:// if others " +
          "reach this server with TLS, which --tls-cert implies. One for each --port, in the same order.",
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
        help:
          "Store messages in this folder, so that they survive a crash. Of several servers, each " +
          "stores its own in DIR/PORT. The tasks permit folders below ./data. Default: messages are " +
          "stored in memory.",
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
      ...natsOptions,
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
        command: `deno task ${task} --port 5001,5002`,
        what: "Start two servers, which use two cores",
      },
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
    if (port.length > 0 && index !== undefined) {
      throw new UsageError("Options --port and --index exclude each other");
    }
    checkPorts(port, data);
    if (advertise.length > 0 && advertise.length !== Math.max(1, port.length)) {
      throw new UsageError(
        `Option --advertise: it names ${advertise.length} addresses for ${
          Math.max(1, port.length)
        } servers`,
      );
    }
    const unusable = advertise.find(({ hostname }) => isEveryAddress(hostname));
    if (unusable) {
      throw new UsageError(
        `Option --advertise: others cannot connect to ${formatAddress(unusable)}; ` +
          "name the address at which they reach this server",
      );
    }
    if (isEveryAddress(host) && advertise.length === 0) {
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
    const nats = natsOf({ ...rest, data, peer });
    const peers = peer.map(formatAddress);
    const namesPeers = peer.length > 0 || keys !== undefined || nats !== undefined;
    const defaultPeers = namesPeers ? [] : addressesNear(host, advertise[0]?.hostname, tls);
    const given = index === undefined ? port[0] : DEFAULT_PORTS[index];
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
    const options: ThreadOptions = {
      hostname: host,
      logMessages: verbose,
      peers,
      defaultPeers,
      ...network !== undefined && { network },
      ...advertise[0] && { advertise: formatAddress(advertise[0]) },
      ...data !== undefined && { data },
      ...nats && { nats },
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
    };
    const start = (port: number) => listenWithPages(listen, { ...options, port, logger }, rest);
    const servers: RunningServer[] = port.length > 1
      ? await listenInThreads(
        module,
        port.map((port, at) => ({
          ...options,
          port,
          ...data !== undefined && { data: `${data}/${port}` },
          ...advertise[at] && { advertise: formatAddress(advertise[at]) },
        })),
        rest,
        logger,
      )
      : [
        chosen === "first free"
          ? await listenOnFirstFree(host, start)
          : await listenOn(host, chosen, start),
      ];
    for (const server of servers) {
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
    }
    if (nats) {
      logger.info("other servers are reached, and messages stored, over NATS: {nats}", {
        event: "storage.nats",
        nats: nats.servers.join(", "),
      });
    } else if (peers.length + defaultPeers.length === 0) {
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
    if (nats) {
      // NATS stores them.
    } else if (data === undefined) {
      logger.info(
        "messages are stored in memory and lost in a crash; --data DIR stores them on disk",
        {
          event: "storage.memory",
        },
      );
    } else logger.info("messages are stored in {data}", { event: "storage.disk", data });
    for (const { origin } of servers) {
      if (origin) logger.info("serving web pages at {origin}", { event: "web", origin });
    }
    const failure = await firstFailure(servers, stop);
    if (failure) {
      logger.error("{reason}; stopping all servers", { event: "failed", reason: failure.message });
    } else logger.info("closing", { event: "closing" });
    // One after the other, so that users move to a server that does not leave at the same time.
    for (const server of servers) await server.drain();
    return failure ? 1 : 0;
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
