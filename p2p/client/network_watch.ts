/**
 * Watches all servers of a network over a connection to one of them. Owns who is asked when, and through which
 * server. Does not know how the answers are shown.
 *
 * @module
 */
import {
  ErrorCode,
  NetlabError,
  type ServerEvent,
  type ServerStatus,
  type StatusTotals,
  UserScope,
  type UserStatus,
} from "@netlab/protocol/codec";
import { HomeNetwork } from "./home_network.ts";
import { OwnToken } from "./own_token.ts";
import { StatusConnection, type StatusConnectionOptions } from "./status_connection.ts";

/** How many servers are asked at the same time. Each gets two requests, and 500 in a second are answered. */
const ASKED_AT_ONCE = 100;
/** The least time from asking some servers to asking others: milliseconds. */
const PACE_MS = 450;
/** How many addresses of servers are remembered. */
const MAX_ADDRESSES = 1_024;

/** Options of a {@linkcode NetworkWatch}. */
export interface NetworkWatchOptions extends Omit<StatusConnectionOptions, "network"> {
  /** Addresses of servers: the first one that answers is asked about the others. */
  servers: readonly string[];
  /**
   * The name of the network.
   *
   * @default {that of the first server that answers}
   */
  network?: string;
}

/** One server, as the watcher sees it. */
export interface WatchedServer {
  /** The id of the server, a UUID. */
  readonly id: string;
  /** The address at which others reach it. */
  readonly address: string;
  /** What it has told in this round; `undefined` if it has not answered. */
  readonly status: ServerStatus | undefined;
  /** How much its counters have grown: per second. `undefined` in the first round. */
  readonly rates: StatusTotals | undefined;
  /** Why it has not answered. */
  readonly trouble: NetlabError | undefined;
}

/** An event, and where it was. */
export type WatchedEvent = ServerEvent & {
  /** The id of the server that has told it. */
  readonly at: string;
};

/** What the watcher has found in one round. */
export interface NetworkRound {
  /** When the round ended. */
  readonly time: Date;
  /** The address of the server through which the others were asked. */
  readonly via: string;
  /** All servers that can be reached from there, in the order of their addresses. */
  readonly servers: readonly WatchedServer[];
  /** Some of the users of all servers. */
  readonly users: readonly UserStatus[];
  /** About how many users there are. */
  readonly userCount: number;
  /** What has happened since the last round, the oldest first. */
  readonly events: readonly WatchedEvent[];
}

/** What is remembered of a server from one round to the next. */
interface Known {
  status: ServerStatus | undefined;
  /** The number of the next event. */
  next: number;
}

/**
 * Asks all servers, round by round. When the server at the other end is lost, it goes on with another one.
 *
 * @example
 * ```ts
 * import { NetworkWatch } from "@netlab/p2p/client";
 * import { P2pServer } from "@netlab/p2p/server";
 *
 * await using server = await P2pServer.listen();
 * await using watch = new NetworkWatch({ servers: [server.address] });
 * const { servers } = await watch.round();
 * servers[0]?.status?.users; // 0
 * ```
 */
export class NetworkWatch implements AsyncDisposable {
  readonly #options: NetworkWatchOptions;
  readonly #token: OwnToken;
  #network: HomeNetwork | undefined;
  #connection: StatusConnection | undefined;
  /** Addresses at which there are servers, in the order in which they are tried. */
  readonly #addresses: Set<string>;
  readonly #known = new Map<string, Known>();

  /** Does nothing before the first round. */
  constructor(options: NetworkWatchOptions) {
    this.#options = options;
    this.#token = options.token instanceof OwnToken
      ? options.token
      : new OwnToken(options.token, options.insecureToken);
    this.#addresses = new Set(options.servers);
  }

  /**
   * Asks all servers once.
   *
   * @throws {NetlabError} When no server can be reached: the error of the first one that was tried. Also
   *   {@linkcode ErrorCode.TokenForOtherNetwork} when the token is not for the network. The next round tries again.
   * @throws {unknown} The reason of the signal in the options when it has aborted.
   */
  async round(): Promise<NetworkRound> {
    for (let tries = this.#addresses.size;; tries--) {
      const connection = await this.#connect();
      try {
        return await this.#ask(connection);
      } catch (error) {
        this.#connection = undefined;
        await connection.close();
        this.#options.signal?.throwIfAborted();
        if (!(error instanceof NetlabError) || tries <= 1) throw error;
        // The other servers come first from now on.
        this.#addresses.delete(connection.address);
        this.#addresses.add(connection.address);
      }
    }
  }

  /** Ends the watch. */
  async close(): Promise<void> {
    await this.#connection?.close();
    this.#connection = undefined;
  }

  /** Calls {@linkcode NetworkWatch.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Returns the connection, or connects to the first server that answers. */
  async #connect(): Promise<StatusConnection> {
    if (this.#connection) return this.#connection;
    const { signal, insecureToken = false, tlsCa, servers } = this.#options;
    const given = this.#options.network;
    this.#network ??= new HomeNetwork(given ?? await this.#token.network(given), servers);
    const options = {
      network: this.#network,
      token: this.#token,
      insecureToken,
      ...tlsCa !== undefined && { tlsCa },
      ...signal && { signal },
    };
    let failure: unknown;
    for (const address of [...this.#addresses]) {
      try {
        return this.#connection = await StatusConnection.open(address, options);
      } catch (error) {
        signal?.throwIfAborted();
        failure ??= error;
      }
    }
    throw failure ?? new NetlabError(ErrorCode.ConnectionLost, "Cannot watch: no server is named");
  }

  async #ask(connection: StatusConnection): Promise<NetworkRound> {
    const { queries } = connection;
    const first = await queries.status();
    this.#network!.enter(connection.address, first.network);
    const others = first.routes.map(({ server, address }) => ({ id: server, address }));
    const listed = this.#network!.listed(others.map(({ address }) => address), connection.reach);
    for (const address of listed) this.#learn(address);
    const servers = [{ id: first.server, address: first.address }, ...others];
    const watched: WatchedServer[] = [];
    const events: WatchedEvent[] = [];
    for (let at = 0; at < servers.length; at += ASKED_AT_ONCE) {
      const some = servers.slice(at, at + ASKED_AT_ONCE);
      if (at > 0) await new Promise((resolve) => setTimeout(resolve, PACE_MS));
      const asked = some.map(async ({ id, address }) => {
        const [server, news] = await Promise.all([
          this.#watch(connection, id, address, id === first.server ? first : undefined),
          this.#events(connection, id),
        ]);
        watched.push(server);
        events.push(...news);
      });
      await Promise.all(asked);
    }
    const page = await queries.users(undefined, UserScope.All);
    for (const id of this.#known.keys()) {
      if (!servers.some((server) => server.id === id)) this.#known.delete(id);
    }
    return {
      time: new Date(),
      via: connection.address,
      servers: watched.sort((a, b) => order(a.address, b.address)),
      users: page.users,
      userCount: Math.max(page.total, page.users.length),
      events: events.sort((a, b) => b.agoMs - a.agoMs || a.sequence - b.sequence),
    };
  }

  async #watch(
    connection: StatusConnection,
    id: string,
    address: string,
    answer: ServerStatus | undefined,
  ): Promise<WatchedServer> {
    const known = this.#knownOf(id);
    try {
      const status = answer ?? await connection.queries.status(id);
      const rates = known.status && ratesOf(known.status, status);
      known.status = status;
      return { id, address: status.address, status, rates, trouble: undefined };
    } catch (error) {
      const trouble = troubleOf(connection, error);
      return { id, address, status: undefined, rates: undefined, trouble };
    }
  }

  async #events(connection: StatusConnection, id: string): Promise<WatchedEvent[]> {
    const known = this.#knownOf(id);
    try {
      const { events, next } = await connection.queries.events(id, known.next);
      known.next = next;
      return events.map((event) => ({ ...event, at: id }));
    } catch (error) {
      troubleOf(connection, error);
      return [];
    }
  }

  #knownOf(id: string): Known {
    let known = this.#known.get(id);
    if (!known) this.#known.set(id, known = { status: undefined, next: 0 });
    return known;
  }

  #learn(address: string): void {
    if (this.#addresses.size < MAX_ADDRESSES) this.#addresses.add(address);
  }
}

/**
 * Returns why one server has not answered. Whatever a server far away answers, the others are still asked.
 *
 * @throws {unknown} The error if it is about the connection.
 */
function troubleOf({ hasEnded }: StatusConnection, error: unknown): NetlabError {
  const isOfServer = error instanceof NetlabError && error.code !== ErrorCode.TimedOut;
  if (hasEnded || !isOfServer) throw error;
  return error;
}

/** Returns how much the counters of a server have grown per second. */
function ratesOf(before: ServerStatus, after: ServerStatus): StatusTotals {
  const seconds = (after.uptimeMs - before.uptimeMs) / 1_000;
  const rates = Object.entries(after.totals).map(([name, count]) => {
    const grown = count - before.totals[name as keyof StatusTotals];
    return [name, seconds > 0 ? Math.max(0, grown / seconds) : 0];
  });
  return Object.fromEntries(rates) as StatusTotals;
}

/** Orders addresses as people do: port 5002 before 10001. */
function order(a: string, b: string): number {
  return collator.compare(a, b);
}

const collator = new Intl.Collator("en", { numeric: true });
