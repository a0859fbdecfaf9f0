/**
 * The messaging server as a program uses it, and the program that runs one.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import {
  type ByteConnection,
  checkNetworkName,
  ErrorCode,
  NetlabError,
  type ServerStatus,
} from "@netlab/protocol";
import type { Grant } from "./core/connection/grant.ts";
import type { StatusQueries } from "./core/session/status_queries.ts";
import { OwnQueries } from "./server/own_queries.ts";
import type { TokenHost } from "./core/host.ts";
import type { RoutingCore } from "./core/routing_core.ts";
import { type Logger, silentLogger } from "./core/logger.ts";
import type { Engine } from "./server/engine.ts";
import type { P2pServerOptions } from "./server/options.ts";
import { ProtectedNamesFile } from "./server/protected_names_file.ts";
import { NetworkFile } from "./server/network_file.ts";
import { Sockets } from "./server/sockets/sockets.ts";
import type { TokenFiles } from "./server/tokens/token_files.ts";

export { verifySignature } from "./server/ed25519.ts";
export type { Engine, EngineHost } from "./server/engine.ts";
export type { P2pServerOptions } from "./server/options.ts";

/** Another server, as seen from this one. */
export interface PeerInfo {
  /** Its id, a UUID. */
  id: string;
  /** The address at which it is reached: `host:port`. */
  address: string;
  /** The number of links on the route to it: 1 for a direct link. */
  hops: number;
  /** The addresses of the servers on the route to it, the nearest first; empty for a direct link. */
  via: string[];
}

/** How long the users of a draining server may take to move: milliseconds. Containers are killed after ten seconds. */
const DRAIN_MS = 8_000;
/** How long a draining server waits for another message in memory to be handed off: milliseconds. */
const HANDOFF_MS = 3_000;
/** The longest time that draining takes: milliseconds. Service managers often wait for 90 seconds. */
const MAX_DRAIN_MS = 60_000;
/** How often a draining server checks whether it has finished: milliseconds. */
const DRAIN_CHECK_MS = 10;

/**
 * A messaging server. Its users can write to the users of every server that it finds.
 *
 * @example
 * ```ts
 * import { P2pServer } from "@netlab/p2p/server";
 *
 * await using first = await P2pServer.listen();
 * await using second = await P2pServer.listen({ peers: [first.address] });
 * second.peers(); // the first server, as soon as they are linked
 * ```
 */
export class P2pServer implements AsyncDisposable {
  readonly #sockets: Sockets;
  readonly #core: RoutingCore;
  readonly #store: Disposable | undefined;
  readonly #tokens: (TokenHost & Disposable) | undefined;
  #queries: OwnQueries | undefined;
  readonly #engine: Engine | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    sockets: Sockets,
    store: Disposable | undefined,
    tokens: (TokenHost & Disposable) | undefined,
    engine?: Engine,
  ) {
    this.#sockets = sockets;
    this.#core = sockets.core;
    this.#store = store;
    this.#tokens = tokens;
    this.#engine = engine;
  }

  /**
   * Starts a server. When this returns, the server accepts connections on every address of the host name, and looks
   * for its peers.
   *
   * @throws {TypeError} When an address is not `host:port`, when an address to advertise is missing, when
   *   `network` is not a name of one, when a file with keys or tokens cannot be used, or when a server without keys
   *   is to listen on other addresses than those of loopback and is not {@linkcode P2pServerOptions.open}.
   * @throws {Deno.errors.AddrInUse} When the port is in use on one of the addresses. Other errors of `Deno.listen` are thrown as well.
   * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when the data folder cannot be used.
   * @throws {Error} When the key of the server, in the data folder of a server with keys, cannot be used.
   */
  static async listen(options: P2pServerOptions = {}): Promise<P2pServer> {
    const { network, keys, tokenFile, revoked, data, logger = silentLogger } = options;
    if (network !== undefined) checkNetworkName(network);
    if (keys === undefined) {
      const without = tokenFile !== undefined
        ? "tokenFile"
        : revoked !== undefined
        ? "revoked"
        : "";
      if (without === "") return await P2pServer.#listen(options);
      throw new TypeError(`Cannot use the option "${without}" without "keys"`);
    }
    // Loads what only networks with keys need.
    const { TokenFiles } = await import("./server/tokens/token_files.ts");
    const { ServerKey } = await import("./server/tokens/server_key.ts");
    const serverKey = data === undefined ? ServerKey.create() : ServerKey.open(data);
    const tokens = await TokenFiles.open(
      { keys, tokenFile, revoked, network, serverKey },
      logger,
    );
    try {
      // A server sends its token only to servers that somebody named.
      const named = { ...options, network: tokens.network, defaultPeers: [] };
      return await P2pServer.#listen(named, tokens);
    } catch (error) {
      tokens[Symbol.dispose]();
      throw error;
    }
  }

  static async #listen(
    options: P2pServerOptions,
    tokens?: TokenFiles,
  ): Promise<P2pServer> {
    const { data, network, engine, logger = silentLogger } = options;
    if (engine) return await P2pServer.#listenWith(engine, options, tokens);
    if (data === undefined) {
      return new P2pServer(
        await Sockets.open(options, undefined, undefined, tokens),
        undefined,
        tokens,
      );
    }
    // Loads SQLite, which most servers do not need.
    const { SqliteStore } = await import("./server/store/sqlite_store.ts");
    const store = SqliteStore.open(data, logger);
    try {
      const file = new NetworkFile(data, logger);
      const protectedNames = new ProtectedNamesFile(data, logger);
      const inside = network ?? file.network;
      const sockets = await Sockets.open(
        { ...options, ...inside !== undefined && { network: inside } },
        store,
        (changed) => file.set(changed),
        tokens,
        protectedNames,
      );
      file.set(sockets.core.mesh.network.id);
      store.setAddress(sockets.core.address);
      return new P2pServer(sockets, {
        [Symbol.dispose]() {
          const { rescuedTo } = store;
          if (rescuedTo !== undefined) {
            new NetworkFile(rescuedTo, logger).set(sockets.core.mesh.network.id);
            protectedNames.copyTo(rescuedTo);
            saveKey(tokens, rescuedTo, logger);
          }
          store[Symbol.dispose]();
        },
      }, tokens);
    } catch (error) {
      store[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Takes a connection that did not arrive at the server's port, such as a WebSocket. It has the rights and limits of
   * all others. After the server was closed, the connection is closed at once.
   *
   * @param connection Carries the frames of one other party.
   * @param hostname The IP address of the other side.
   */
  attach(connection: ByteConnection, hostname: string): void {
    this.#sockets.attach(connection, hostname);
  }

  /** Asks this server, and others through it, for their status, events and users. */
  get queries(): StatusQueries {
    this.#queries ??= new OwnQueries(this.#core);
    return this.#queries.queries;
  }

  /** Tells other servers where browsers reach the pages of this one: an origin; empty while it serves none. */
  tellPages(origin: string): void {
    this.#sockets.program.pages = origin;
  }

  /**
   * Checks a token of somebody who watches this server without a connection, such as a collector of metrics. On a
   * network without keys, everybody may.
   *
   * @throws {NetlabError} One of the codes of tokens when it is not valid, {@linkcode ErrorCode.NotPermitted} when it
   *   is the token of a user.
   */
  async checkWatcher(token: string | undefined): Promise<void> {
    const tokens = this.#tokens;
    if (!tokens) return;
    if (token === undefined) {
      throw new NetlabError(
        ErrorCode.TokenRequired,
        "Cannot watch without a token: the network has keys; get a token for the role observer",
      );
    }
    const result = await new Promise<Grant | NetlabError>((done) => tokens.verify(token, done));
    if (result instanceof NetlabError) throw result;
    if (result.role !== "user") return;
    throw new NetlabError(
      ErrorCode.NotPermitted,
      "Cannot watch with the token of a user: get one for the role observer",
    );
  }

  /** Loads the sources of the client as text, by the folders of their packages. Web pages run them in a browser. */
  async sources(): Promise<ReadonlyMap<string, typeof import("./sources.ts")>> {
    return new Map([["p2p", await import("./sources.ts")]]);
  }

  static async #listenWith(
    engine: Engine,
    options: P2pServerOptions,
    tokens?: TokenFiles,
  ): Promise<P2pServer> {
    try {
      if (options.data !== undefined) {
        throw new TypeError('Cannot use the option "data": the engine stores the messages');
      }
      const sockets = await Sockets.open(options, engine.store, undefined, tokens);
      const { core } = sockets;
      const server = new P2pServer(sockets, undefined, tokens, engine);
      const network = sockets.star!;
      await engine.start({
        network,
        logger: core.logger,
        enter: (run) => sockets.enter(run),
        adopt: (messages) => core.adopt(messages),
      }).catch(async (error) => {
        await server.close();
        throw error;
      });
      sockets.enter(() => network.announce(core.capabilities()));
      return server;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** The server's id: a UUID, new at every start. */
  get id(): string {
    return this.#core.id;
  }

  /** The address at which others reach the server: `host:port`. */
  get address(): string {
    return this.#core.address;
  }

  /** The TCP port on which the server listens. */
  get port(): number {
    return this.#sockets.port;
  }

  /** The id of the server's network: its name, or a UUID if it has none. */
  get network(): string {
    return this.#core.mesh.network.id;
  }

  /** The status of the server: what it counts, stores, and is linked to. */
  status(): ServerStatus {
    return this.#core.status();
  }

  /** The names of all users who can receive messages, on this server and on others. */
  users(): string[] {
    return [...this.#core.locations.names()];
  }

  /** The names of this server's own users. */
  localUsers(): string[] {
    return [...this.#core.users.local()].map(({ name }) => name);
  }

  /** All servers that can be reached, directly or through others. */
  peers(): PeerInfo[] {
    const { topology } = this.#core;
    const addressOf = (id: string) => topology.get(id)!.address;
    return [...topology.routes()].map(([id, { hops }]) => ({
      id,
      address: addressOf(id),
      hops,
      via: topology.path(id).slice(0, -1).map(addressOf),
    }));
  }

  /**
   * Leaves the network: accepts no new users, asks its own users to move to other servers, hands off its
   * stored messages, and closes. This takes nine seconds at most, or up to a minute while messages that are only in
   * memory leave over a slow link. Without another server it closes at once.
   */
  async drain(): Promise<void> {
    const start = performance.now();
    let deadline = start + DRAIN_MS;
    this.#core.drain();
    let { unsaved } = this.#core;
    while (!this.#closing && !this.#core.isDrained && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
      if (this.#core.unsaved === unsaved) continue;
      ({ unsaved } = this.#core);
      const later = Math.min(performance.now() + HANDOFF_MS, start + MAX_DRAIN_MS);
      deadline = Math.max(deadline, later);
    }
    await this.close();
  }

  /**
   * Tells its users that it closes, sends what is pending, and closes all connections. This takes about a
   * second at most. Further calls have no effect.
   */
  close(): Promise<void> {
    this.#queries?.close();
    this.#closing ??= this.#sockets.close().then(async () => {
      await this.#engine?.close();
      this.#tokens?.[Symbol.dispose]();
      this.#store?.[Symbol.dispose]();
    });
    return this.#closing;
  }

  /** Calls {@linkcode P2pServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Copies the key of a server whose data folder is gone. Nothing but a token that is bound to it needs it. */
function saveKey(tokens: TokenFiles | undefined, folder: string, logger: Logger): void {
  try {
    tokens?.signing.saveTo(folder);
  } catch (error) {
    const { message: reason } = error as Error;
    logger.warn("{reason}", { event: "storage.key", reason });
  }
}

if (import.meta.main) {
  // A program that imports the server as a library does not load the terminal.
  const { runServerProgram } = await import("./terminal/server_program.ts");
  await runServerProgram(
    {
      name: "netlab p2p server",
      task: "p2p:server",
      summary: "Runs a messaging server. It finds other servers and exchanges messages with them.",
      version: config.version,
      module: import.meta.url,
    },
    (options) => P2pServer.listen(options),
  );
}
