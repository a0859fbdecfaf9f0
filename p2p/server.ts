/**
 * The messaging server as its users see it, and the program that runs it. Owns the options, the
 * questions and the leaving; the rest is loaded when a server starts.
 *
 * @module
 */
import type { RoutingCore } from "./core/routing_core.ts";
import { silentLogger } from "./core/logger.ts";
import type { P2pServerOptions } from "./server/options.ts";
import type { Sockets } from "./server/sockets.ts";

export type { P2pServerOptions } from "./server/options.ts";

/** Another server, as this one sees it. */
export interface PeerInfo {
  /** Its id, a UUID. */
  id: string;
  /** Where it is reached, `host:port`. */
  address: string;
  /** How many links the way to it has: 1 for a direct one. */
  hops: number;
  /** The addresses of the servers on the way to it, the nearest first; none when it is direct. */
  via: string[];
}

/** How long the users of a server that drains may take to move: milliseconds. */
const DRAIN_MS = 9_000;
/** How often a server that drains looks whether it is done: milliseconds. */
const LOOK_EVERY_MS = 10;

/**
 * A messaging server: its users write to the users of every server that it finds.
 *
 * @example
 * ```ts
 * import { P2pServer } from "@netlab/p2p/server";
 *
 * await using first = await P2pServer.listen();
 * await using second = await P2pServer.listen({ peers: [first.address] });
 * second.peers(); // the first one, as soon as they are linked
 * ```
 */
export class P2pServer implements AsyncDisposable {
  readonly #sockets: Sockets;
  readonly #core: RoutingCore;
  readonly #store: Disposable | undefined;
  #closing: Promise<void> | undefined;

  private constructor(sockets: Sockets, store: Disposable | undefined) {
    this.#sockets = sockets;
    this.#core = sockets.core;
    this.#store = store;
  }

  /**
   * Starts a server. It accepts connections when this returns, and looks for its peers from then on.
   *
   * @throws {TypeError} When an address is not `host:port`, or one to advertise is needed and missing.
   * @throws {Deno.errors.AddrInUse} When the port is in use; other errors of `Deno.listen` as well.
   * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when the folder for messages cannot be used.
   */
  static async listen(options: P2pServerOptions = {}): Promise<P2pServer> {
    // Who asks the program for its version needs none of this, and most servers need no database.
    const { Sockets } = await import("./server/sockets.ts");
    if (options.data === undefined) {
      return new P2pServer(new Sockets(options, undefined), undefined);
    }
    const { SqliteStore } = await import("./server/sqlite_store.ts");
    const store = SqliteStore.open(options.data, options.logger ?? silentLogger);
    try {
      return new P2pServer(new Sockets(options, store), store);
    } catch (error) {
      store[Symbol.dispose]();
      throw error;
    }
  }

  /** The server's id: a UUID, new at every start. */
  get id(): string {
    return this.#core.id;
  }

  /** Where others reach the server, `host:port`. */
  get address(): string {
    return this.#core.address;
  }

  /** The TCP port on which it listens. */
  get port(): number {
    return this.#sockets.port;
  }

  /** The names of all users that can be written to, on this and on other servers. */
  users(): string[] {
    return [...this.#core.locations.names()];
  }

  /** The names of this server's own users. */
  localUsers(): string[] {
    return [...this.#core.users.local()].map(({ name }) => name);
  }

  /** The servers within reach, near and far. */
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
   * Leaves in good order: takes no new users, asks its own to move to other servers, hands over what
   * it keeps, and closes when that is done, at the latest after ten seconds. Without another server it
   * closes at once.
   */
  async drain(): Promise<void> {
    const deadline = performance.now() + DRAIN_MS;
    this.#core.drain();
    while (!this.#closing && !this.#core.isDrained && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    await this.close();
  }

  /**
   * Signs off: tells its users, lets pending bytes out, and closes all connections. Takes a second or
   * so at most. Closing twice does nothing.
   */
  close(): Promise<void> {
    this.#closing ??= this.#sockets.close().then(() => this.#store?.[Symbol.dispose]());
    return this.#closing;
  }

  /** The same as {@linkcode P2pServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

if (import.meta.main) {
  const { runServerProgram } = await import("./terminal/server_program.ts");
  const { default: { version } } = await import("./deno.json", { with: { type: "json" } });
  await runServerProgram(
    {
      name: "netlab p2p server",
      task: "p2p:server",
      summary: "Serves users who write to each other, and finds the other servers.",
      version,
    },
    (options) => P2pServer.listen(options),
  );
}
