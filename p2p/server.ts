/**
 * The messaging server: sockets around the routing core, and the program that runs it. Owns the
 * listener, the connections and the timer; what a server decides is in `core/`.
 *
 * @module
 */
import { DEFAULT_HOST, formatAddress, parseAddress } from "@netlab/protocol";
import {
  type Frame,
  FrameConnection,
  type FrameHandler,
  type ProtocolError,
} from "@netlab/protocol";
import type { Dial, Port } from "./core/host.ts";
import type { Link } from "./core/link.ts";
import type { LinkCosts } from "./core/link_costs.ts";
import type { MailStore } from "./core/mail_store.ts";
import type { MailboxLimits } from "./core/mailbox.ts";
import type { FrameRule } from "./core/frame_rules.ts";
import { RoutingCore } from "./core/routing_core.ts";
import { dial } from "./dial.ts";
import { type Logger, silentLogger } from "./logger.ts";

/** How a {@linkcode P2pServer} listens, and whom it looks for. */
export interface P2pServerOptions {
  /**
   * The host name or IP address to listen on.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * The TCP port to listen on; 0 takes a free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * Where others reach this server, `host:port`. Needed when it listens on all addresses of a machine.
   *
   * @default {the address it listens on}
   */
  advertise?: string;
  /**
   * Addresses of other servers, `host:port` each. They are dialled until they answer, and so are all
   * that they know of. Its own address among them does no harm.
   *
   * @default {[]}
   */
  peers?: readonly string[];
  /**
   * The folder in which messages are written down before they are accepted, so that they survive a
   * crash. One server at a time may use it.
   *
   * @default {none: messages are kept in memory}
   */
  data?: string;
  /** How much is kept for users who are away, and for how long. */
  limits?: MailboxLimits;
  /**
   * Whom the server tells what it does.
   *
   * @default {nobody}
   */
  logger?: Logger;
  /**
   * What links to other servers cost: messages go the cheapest way.
   *
   * @default {one each}
   */
  costs?: LinkCosts;
  /**
   * Rules for frame types that a p2p server does not know, by type.
   *
   * @default {none}
   */
  rules?: ReadonlyMap<number, FrameRule>;
}

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

/** How often the core is told the time: milliseconds. */
const TICK_MS = 250;
/** How long the users of a server that drains may take to move: milliseconds. */
const DRAIN_MS = 9_000;
/** How often a server that drains looks whether it is done: milliseconds. */
const LOOK_EVERY_MS = 10;
/** How long to wait when the system has no resources for another connection: milliseconds. */
const ACCEPT_PAUSE_MS = 100;

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
  readonly #core: RoutingCore;
  readonly #listener: Deno.TcpListener;
  readonly #store: Disposable | undefined;
  readonly #logger: Logger;
  readonly #address: string;
  readonly #allGone = Promise.withResolvers<void>();
  #connections = 0;
  readonly #dials = new Set<Promise<void>>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #accepting: Promise<void>;
  #closed = false;
  #storeOpen = true;

  private constructor(options: P2pServerOptions, store: (MailStore & Disposable) | undefined) {
    const hostname = options.hostname ?? DEFAULT_HOST;
    if (options.advertise !== undefined) parseAddress(options.advertise);
    else if (hostname === "0.0.0.0" || hostname === "::") {
      throw new TypeError(
        `Cannot listen on ${hostname} without an address to advertise: say where others reach this server`,
      );
    }
    for (const peer of options.peers ?? []) parseAddress(peer);
    this.#listener = Deno.listen({ hostname, port: options.port ?? 0 });
    this.#store = store;
    this.#logger = options.logger ?? silentLogger;
    this.#address = options.advertise ?? formatAddress({ hostname, port: this.port });
    this.#core = new RoutingCore({
      id: crypto.randomUUID(),
      address: this.#address,
      peers: options.peers ?? [],
      host: {
        dial: (address, dial) => this.#dial(address, dial),
        random,
        soon: (run) => setTimeout(run, 0),
      },
      logger: this.#logger,
      now: now(),
      ...store && { store },
      ...options.limits && { limits: options.limits },
      ...options.costs && { costs: options.costs },
      ...options.rules && { rules: options.rules },
    });
    this.#timer = setInterval(() => this.#core.tick(now()), TICK_MS);
    this.#accepting = this.#accept();
    this.#core.tick(now());
  }

  /**
   * Starts a server. It accepts connections when this returns, and looks for its peers from then on.
   *
   * @throws {TypeError} When an address is not `host:port`, or one to advertise is needed and missing.
   * @throws {Deno.errors.AddrInUse} When the port is in use; other errors of `Deno.listen` as well.
   * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when the folder for messages cannot be used.
   */
  static async listen(options: P2pServerOptions = {}): Promise<P2pServer> {
    if (options.data === undefined) return new P2pServer(options, undefined);
    // Only who writes messages down needs a database.
    const { MailDatabase } = await import("./mail_database.ts");
    const store = MailDatabase.open(options.data, options.logger ?? silentLogger);
    try {
      return new P2pServer(options, store);
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
    return this.#address;
  }

  /** The TCP port on which it listens. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** The names of all users that can be written to, on this and on other servers. */
  users(): string[] {
    return [...this.#core.users.names()];
  }

  /** The names of this server's own users. */
  localUsers(): string[] {
    return [...this.#core.users.localNames()];
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
    const deadline = now() + DRAIN_MS;
    this.#core.drain();
    while (!this.#closed && !this.#core.isDrained && now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    await this.close();
  }

  /**
   * Signs off: tells its users, lets pending bytes out, and closes all connections. Takes a second or
   * so at most. Closing twice does nothing.
   */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      clearInterval(this.#timer);
      this.#listener.close();
      this.#core.close();
    }
    await Promise.all([this.#accepting, ...this.#dials]);
    if (this.#connections > 0) await this.#allGone.promise;
    if (this.#storeOpen) this.#store?.[Symbol.dispose]();
    this.#storeOpen = false;
  }

  /** The same as {@linkcode P2pServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        const conn = await this.#listener.accept();
        conn.setNoDelay(true);
        const { hostname } = conn.remoteAddr;
        const connection = new FrameConnection(conn);
        this.#core.setTime(now());
        const remoteHost = hostname.includes(":") ? `[${hostname}]` : hostname;
        this.#run(connection, this.#core.accepted(connection, remoteHost));
      } catch (error) {
        if (this.#closed) return;
        // Too many open files, or a connection that went before it was accepted: others still come.
        this.#logger.warn("cannot accept a connection: {error}", { error });
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  #dial(address: string, { connected, failed }: Dial): void {
    const dialling = dial(address).then(
      (connection) => {
        if (this.#closed) return connection.abort();
        this.#core.setTime(now());
        this.#run(connection, connected(connection));
      },
      (error) => {
        if (error instanceof Deno.errors.NotCapable) {
          this.#logger.warn("cannot reach {address}: {error}", { address, error });
        }
        if (!this.#closed) failed(error.message);
      },
    ).finally(() => this.#dials.delete(dialling));
    this.#dials.add(dialling);
  }

  #run(connection: FrameConnection & Port, link: Link): void {
    this.#connections++;
    connection.start(new Conversation(this.#core, link, this.#gone));
  }

  /** Made once, for all connections. */
  readonly #gone = (link: Link, error: unknown): void => {
    if (error !== undefined) {
      const { remoteHost: host } = link;
      this.#logger.debug("a connection to {host} broke: {error}", { host, error });
    }
    this.#connections--;
    if (this.#closed && this.#connections === 0) this.#allGone.resolve();
    this.#core.setTime(now());
    this.#core.closed(link);
  };
}

/** What the core hears of one connection. A class, since thousands of them may be there. */
class Conversation implements FrameHandler {
  readonly #core: RoutingCore;
  readonly #link: Link;
  readonly #gone: (link: Link, error: unknown) => void;

  constructor(core: RoutingCore, link: Link, gone: (link: Link, error: unknown) => void) {
    this.#core = core;
    this.#link = link;
    this.#gone = gone;
  }

  run(bytes: Uint8Array, start: number, end: number): number {
    return this.#core.run(this.#link, bytes, start, end);
  }

  frame(frame: Frame): void {
    this.#core.received(this.#link, frame);
  }

  turn(): void {
    this.#core.setTime(now());
    this.#core.turn();
  }

  ended(): void {
    this.#core.closed(this.#link);
  }

  violation(error: ProtocolError): void {
    this.#core.violated(this.#link, error);
  }

  drained(): void {
    this.#core.drained(this.#link);
  }

  closed(error: unknown): void {
    this.#gone(this.#link, error);
  }
}

/** A number from 0 to below 1 that nobody can foresee: the core hashes names with such. */
function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}

/** Milliseconds since 1970, by a clock that never goes back. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

if (import.meta.main) {
  const { runServerProgram } = await import("./server_program.ts");
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
