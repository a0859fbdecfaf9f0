/**
 * Connects a routing core to the network and the clock. Owns the listeners, the connections and the timer.
 * All decisions are made in `core/`.
 *
 * @module
 */
import {
  type AcceptHandler,
  Acceptor,
  type ByteConnection,
  DEFAULT_HOST,
  dial,
  formatAddress,
  FrameConnection,
  type FrameConnectionOptions,
  isEveryAddress,
  isLoopbackHost,
  type Listening,
  listenOnAll,
  parseAddress,
  parseHost,
  quote,
  type TlsConnection,
  type Traffic,
  TrustFile,
} from "@netlab/protocol";
import { serverIdOf } from "@netlab/protocol/server-id";
import { generate as generateId } from "@std/uuid/v7";
import type { Dial, HostUsage, TokenHost } from "../../core/host.ts";
import type { Transport } from "../../core/connection/transport.ts";
import type { Connection } from "../../core/connection/connection.ts";
import type { Program } from "../../core/status/own_status.ts";
import type { MessageStore } from "../../core/mailbox/message_store.ts";
import { LIMITS } from "../../core/limits.ts";
import { withDefaults } from "../../core/server_limits.ts";
import type { ProtectedNameStore } from "../../core/assembly/routing_core_options.ts";
import { RoutingCore } from "../../core/routing_core.ts";
import { StarNetwork } from "../../core/star/star_network.ts";
import { type Logger, silentLogger } from "../../core/logger.ts";
import type { P2pServerOptions } from "../options.ts";
import { ConnectionEvents } from "./connection_events.ts";
import { verifySignature } from "../ed25519.ts";
import { OutgoingLimit } from "./outgoing_limit.ts";
import { processTime } from "../process_time.ts";
import { UnreachableAddresses } from "./unreachable_addresses.ts";
import config from "../../deno.json" with { type: "json" };
import { ServerTls } from "../tls/server_tls.ts";
import { openTracing } from "../tracing/tracing.ts";

/** The interval at which the core is told the time: milliseconds. */
const TICK_MS = 250;
/**
 * How many connections may wait to be accepted, if the system allows that many. When a server fails, all its
 * users connect to other servers at once. A client that finds the queue full tries again after a second.
 */
const BACKLOG = 4_096;

/** What a server needs before it can start. */
interface Prepared {
  readonly listening: Listening;
  readonly address: string;
  readonly tls: ServerTls | undefined;
  readonly trust: TrustFile | undefined;
  readonly tokens: TokenHost | undefined;
  readonly protectedNames: ProtectedNameStore | undefined;
  readonly trace: Awaited<ReturnType<typeof openTracing>>;
}

/** A running core with its sockets. */
export class Sockets {
  /** Makes all decisions of the server. */
  readonly core: RoutingCore;
  /** What connects the server with others, if that is an engine. */
  star: StarNetwork | undefined;
  /** The TCP port on which the server listens. */
  readonly port: number;
  /** What the server tells of its program. */
  readonly program: Program;
  readonly #logger: Logger;
  readonly #allClosed = Promise.withResolvers<void>();
  readonly #connections = new Set<Connection>();
  /** Limits what waits to be sent on all connections. */
  readonly #outgoing: OutgoingLimit;
  readonly #traffic: Traffic = { bytesRead: 0, bytesWritten: 0 };
  readonly #dials = new Set<Promise<void>>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #acceptors: readonly Acceptor<Deno.TcpConn>[];
  readonly #tls: ServerTls | undefined;
  readonly #trust: TrustFile | undefined;
  readonly #unreachable: UnreachableAddresses;
  /** Cancels connections that are being dialled. */
  readonly #end = new AbortController();
  #closed = false;

  /**
   * Starts to listen and to look for peers. Throws the errors of `P2pServer.listen`.
   *
   * @param options Here, `network` may also be the id of a network without a name.
   * @param store Stores durable messages; without one they are stored in memory.
   * @param onNetwork Called when the server's network has become part of another one.
   * @param tokens Checks tokens; without it, the network is open.
   * @param protectedNames Keeps protected names; without it they are kept in memory.
   */
  static async open(
    options: P2pServerOptions,
    store?: MessageStore,
    onNetwork?: (network: string) => void,
    tokens?: TokenHost,
    protectedNames?: ProtectedNameStore,
  ): Promise<Sockets> {
    const given = options.hostname ?? DEFAULT_HOST;
    const hostname = parseHost(given);
    if (hostname === undefined) {
      throw new TypeError(`Cannot listen on ${quote(given)}: it is no host name or IP address`);
    }
    const { advertise, tlsCert, tlsKey, tlsCa, logger = silentLogger } = options;
    const isTls = tlsCert !== undefined && tlsKey !== undefined;
    const advertised = advertise === undefined
      ? undefined
      : formatAddress({ ...parseAddress(advertise), ...isTls && { tls: true } });
    if (advertise !== undefined && isEveryAddress(parseAddress(advertise).hostname)) {
      throw new TypeError(`Cannot advertise ${advertised}: nobody can connect to that address`);
    }
    if (advertised === undefined && isEveryAddress(hostname)) {
      throw new TypeError(
        `Cannot listen on ${hostname} without an address to advertise: set the option "advertise"`,
      );
    }
    const canonical = (address: string) => formatAddress(parseAddress(address));
    const peers = (options.peers ?? []).map(canonical);
    const defaultPeers = (options.defaultPeers ?? []).map(canonical);
    const trust = tlsCa === undefined ? undefined : new TrustFile(tlsCa);
    await trust?.load();
    const trace = await openTracing();
    let opened: (connection: TlsConnection, hostname: string) => void = (conn) => conn.close();
    const tls = await ServerTls.open(tlsCert, tlsKey, logger, (...args) => opened(...args));
    const port = options.port ?? 0;
    const listening = await listenOnAll({ hostname, port, tcpBacklog: BACKLOG }).catch(
      async (error) => {
        await tls?.close();
        throw error;
      },
    );
    const isLocal = listening.listeners.every(({ addr }) => {
      return isLoopbackHost(addr.hostname) && !isEveryAddress(addr.hostname);
    });
    if (!isLocal && !tokens && !options.open) {
      for (const listener of listening.listeners) listener.close();
      await tls?.close();
      throw openToAll(hostname);
    }
    const address = advertised ?? localAddress(hostname, listening.listeners, isTls);
    tls?.advertise(parseAddress(address).hostname);
    const legacy = options.legacy ?? (isLocal && !tokens);
    const resolved = { ...options, hostname, peers, defaultPeers, legacy };
    const prepared = { listening, address, tls, trust, tokens, protectedNames, trace };
    const sockets = new Sockets(resolved, store, onNetwork, prepared);
    opened = (conn, remote) => sockets.attach(conn, remote);
    return sockets;
  }

  private constructor(
    options: P2pServerOptions,
    store: MessageStore | undefined,
    onNetwork: ((network: string) => void) | undefined,
    { listening: { listeners, refused }, address, tls, trust, tokens, protectedNames, trace }:
      Prepared,
  ) {
    this.#tls = tls;
    this.#trust = trust;
    const { peers = [], defaultPeers = [], network, hostname, engine } = options;
    this.program = { system: "p2p", version: config.version, ...options.program };
    this.port = listeners[0]!.addr.port;
    this.#logger = options.logger ?? silentLogger;
    const { maxOutgoingBytes } = withDefaults(options.limits ?? {});
    this.#outgoing = new OutgoingLimit(maxOutgoingBytes, this.#connections, this.#logger);
    for (const { address: refusing, error } of refused) {
      this.#logger.warn("cannot listen on {address}, which is also {hostname}: {error}", {
        event: "listening.partly",
        address: refusing,
        hostname,
        error,
      });
    }
    this.#unreachable = new UnreachableAddresses(this.#logger);
    this.#unreachable.check(defaultPeers.filter((peer) => peer !== address));
    // Loading many stored messages takes seconds, in which a client that connects would get no answer. So the
    // server listens again afterwards. Nobody knows a port that the system has chosen.
    const isLate = store !== undefined && (options.port ?? 0) !== 0;
    const addresses = listeners.map(({ addr }) => addr);
    if (isLate) { for (const listener of listeners) listener.close(); }
    this.core = new RoutingCore({
      id: tokens ? serverIdOf(tokens.signing) : generateId(),
      address,
      peers,
      defaultPeers,
      host: {
        dial: (address, dial) => this.#dial(address, dial),
        random,
        soon: (run) => void setImmediate(run),
        ...tokens && { tokens: this.#checking(tokens) },
        verifySignature,
        usage: () => this.#usage(),
      },
      logger: this.#logger,
      now: processTime(),
      logMessages: options.logMessages ?? false,
      legacy: options.legacy ?? true,
      insecureToken: options.insecureToken ?? false,
      ...trace && { onMessage: (message) => trace(message, address) },
      program: this.program,
      ...store && { store },
      ...engine && {
        serverNetwork: (parts) => {
          const { networkName: network } = engine;
          return this.star = new StarNetwork({ network, bus: engine.bus(parts.context.id) }, parts);
        },
      },
      ...protectedNames && { protectedNames },
      ...network !== undefined && { network },
      ...onNetwork && { onNetwork },
      ...options.limits && { limits: options.limits },
      ...options.costs && { costs: options.costs },
      ...options.rules && { rules: options.rules },
    });
    const listening = isLate
      ? addresses.map(({ hostname, port }) => Deno.listen({ hostname, port, tcpBacklog: BACKLOG }))
      : listeners;
    const handler: AcceptHandler<Deno.TcpConn> = {
      accepted: (conn) => this.#accepted(conn),
      lost: (error) => {
        this.#logger.debug("a connection was lost before it was accepted: {error}", { error });
      },
      exhausted: (error) => {
        this.#logger.warn("cannot accept more connections for now: {error}", { error });
      },
    };
    this.#acceptors = listening.map((listener) => new Acceptor(listener, handler));
    this.core.tick(processTime());
    this.#timer = setInterval(() => {
      this.core.tick(processTime());
      this.#tls?.tick();
    }, TICK_MS);
  }

  /** Runs something that uses the core, and sends what follows from it. Does nothing once the server closes. */
  enter(run: () => void): void {
    this.core.setTime(processTime());
    run();
    this.core.flush();
  }

  /** Lets the core sign off, sends what is pending, and closes all connections. May be called once only. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#end.abort();
    const accepting = this.#acceptors.map((acceptor) => acceptor.close());
    this.core.close();
    await Promise.all([...accepting, ...this.#dials, this.#tls?.close()]);
    if (this.#connections.size > 0) await this.#allClosed.promise;
  }

  /** Takes a connection that is open, from the host with this IP address. Closes it when the server was closed. */
  attach(conn: ByteConnection, hostname: string): void {
    if (this.#closed) conn.close();
    else this.#opened(conn, hostname);
  }

  /** Reports the results of checked tokens to the core as all other events: with the time, and a flush. */
  #checking(tokens: TokenHost): TokenHost {
    return {
      signing: tokens.signing,
      get own() {
        return tokens.own;
      },
      verify: (token, done) =>
        tokens.verify(token, (result) => {
          if (this.#closed) return;
          this.core.setTime(processTime());
          done(result);
          this.core.flush();
        }),
      check: (grant) => tokens.check(grant),
    };
  }

  #accepted(conn: Deno.TcpConn): void {
    conn.setNoDelay(true);
    // A legacy client sends nothing by itself. This shows in the end that its machine has gone.
    conn.setKeepAlive(true);
    if (this.#tls) return this.#tls.accepted(conn);
    this.#opened(conn, conn.remoteAddr.hostname);
  }

  #opened(conn: ByteConnection, hostname: string): void {
    const connection = new FrameConnection(conn, this.#socketOptions);
    this.core.setTime(processTime());
    // A listener on `::` reports IPv4 addresses in IPv6 form.
    const remote = parseHost(hostname) ?? hostname;
    const remoteHost = remote.includes(":") ? `[${remote}]` : remote;
    this.#run(connection, this.core.accepted(connection, remoteHost));
  }

  #dial(address: string, { lingerMs, namedBy, connected, failed }: Dial): void {
    const options = {
      ...this.#socketOptions,
      namedBy,
      trust: this.#trust,
      ...lingerMs !== undefined && { lingerMs },
    };
    const dialling = dial(address, this.#end.signal, options).then(
      (connection) => {
        if (this.#closed) return connection.abort();
        this.core.setTime(processTime());
        this.#run(connection, connected(connection, connection.ip));
      },
      (error) => {
        this.#unreachable.failed(address, error);
        if (!this.#closed) failed(error.message);
      },
    ).finally(() => this.#dials.delete(dialling));
    this.#dials.add(dialling);
  }

  #usage(): HostUsage {
    const { rss: rssBytes, heapUsed: heapBytes } = Deno.memoryUsage();
    return { ...this.#traffic, outgoingBytes: this.#outgoing.total.bytes, rssBytes, heapBytes };
  }

  get #socketOptions(): FrameConnectionOptions {
    return {
      total: this.#outgoing.total,
      traffic: this.#traffic,
      maxPendingBytes: LIMITS.outgoing.default,
      maxUnreadMs: LIMITS.unreadSeconds.default * 1_000,
    };
  }

  #run(socket: FrameConnection & Transport, connection: Connection): void {
    this.#connections.add(connection);
    socket.start(new ConnectionEvents(this.core, connection, this.#onClosed));
  }

  /** One function for all connections, to save memory. */
  readonly #onClosed = (connection: Connection, error: unknown): void => {
    if (error !== undefined) {
      const { remoteHost: host } = connection;
      this.#logger.debug("a connection to {host} broke: {error}", { host, error });
    }
    this.#connections.delete(connection);
    if (this.#closed && this.#connections.size === 0) this.#allClosed.resolve();
    this.core.setTime(processTime());
    this.core.closed(connection);
  };
}

/** Returns the error of an open network that would be open to other machines. */
function openToAll(hostname: string): TypeError {
  return new TypeError(
    `Cannot listen on ${hostname} without keys, because anyone who reaches it could register: ` +
      "create keys (deno task keys create --network NAME) and a token (deno task keys token --role " +
      "server --name NAME) and add --keys and --token-file, or permit it with --open",
  );
}

/** Random numbers for later calls: a core needs hundreds of them when it starts. */
const drawn = new Uint32Array(512);
let left = 0;

/** An unpredictable number from 0 to below 1. The core uses such numbers to hash names. */
function random(): number {
  if (left === 0) left = crypto.getRandomValues(drawn).length;
  return drawn[--left]! / 2 ** 32;
}

/**
 * Returns the address of a server that was given none to advertise: `host:port`. A host name that leads to this
 * machine only may lead to another one elsewhere, or to none, so the loopback address stands for it.
 *
 * @param given The host on which the server was told to listen.
 * @param listeners Where it listens; at least one.
 * @param tls Whether it listens with TLS.
 */
export function localAddress(
  given: string,
  listeners: readonly Pick<Deno.TcpListener, "addr">[],
  tls = false,
): string {
  const { hostname: first, port } = listeners[0]!.addr;
  const isHidden = !isLoopbackHost(given) &&
    listeners.every(({ addr }) => isLoopbackHost(addr.hostname));
  return formatAddress({ hostname: isHidden ? first : given, port, tls });
}
