/**
 * A connection that watches servers: it registers nobody, and asks for the status, the events and the users of any
 * server. Owns how it begins. Does not know what is done with the answers.
 *
 * @module
 */
import {
  Capability,
  ErrorCode,
  type EventsAnswer,
  FrameType,
  hostOf,
  type HostReach,
  Information,
  NetlabError,
  reachOf,
  readCapabilities,
  readError,
  readNetwork,
  Registration,
  type ServerStatus,
  UserScope,
  type UserStatus,
  writeInformationRequest,
  writeToken,
} from "@netlab/protocol/codec";
import type { FrameConnection } from "@netlab/protocol/connection";
import { type Dial, Dialler } from "./connection/dialler.ts";
import { StatusQueries } from "../core/session/status_queries.ts";
import { HomeNetwork } from "./home_network.ts";
import { OwnToken, type TokenSource } from "./own_token.ts";

/** How long a server may take to say what it can do and to take a token: milliseconds. */
const ANSWER_MS = 3_000;
/** How often a list of users that has changed too much is read again. */
const LIST_TRIES = 3;

/** Options of a {@linkcode StatusConnection}. */
export interface StatusConnectionOptions {
  /**
   * The name of the network. Servers of others are not asked.
   *
   * @default {any network}
   */
  network?: string | HomeNetwork;
  /**
   * A token for the network if it has keys. Every role may watch; `observer` is for those who do nothing else.
   *
   * @default {none}
   */
  token?: TokenSource | OwnToken;
  /**
   * Whether the token may be sent to other machines over connections that are not encrypted.
   *
   * @default {false}
   */
  insecureToken?: boolean;
  /**
   * A file with certificates of authorities: PEM. They are trusted besides the public ones.
   *
   * @default {none}
   */
  tlsCa?: string;
  /**
   * Opens the connection, for programs without sockets.
   *
   * @default {TCP, or TLS for addresses that begin with `tls://`}
   */
  dial?: Dial;
  /** Cancels connecting, and ends the connection, when it aborts. */
  signal?: AbortSignal;
}

/**
 * A connection to one server that asks for what happens in the network.
 *
 * @example
 * ```ts
 * import { StatusConnection } from "@netlab/p2p/client";
 * import { P2pServer } from "@netlab/p2p/server";
 *
 * await using server = await P2pServer.listen();
 * await using watcher = await StatusConnection.open(server.address);
 * const { users, routes } = await watcher.queries.status();
 * // Any other server can be asked over the same connection.
 * for (const { server } of routes) await watcher.queries.status(server);
 * ```
 */
export class StatusConnection implements AsyncDisposable {
  /** The address of the server: `host:port`. */
  readonly address: string;
  /** Asks the server, and others through it. */
  readonly queries: StatusQueries;
  /** Resolves when the connection has ended, to the reason. */
  readonly ended: Promise<NetlabError>;
  readonly #connection: FrameConnection;
  #hasEnded = false;

  private constructor(
    address: string,
    connection: FrameConnection,
    queries: StatusQueries,
    ended: Promise<NetlabError>,
  ) {
    this.address = address;
    this.#connection = connection;
    this.queries = queries;
    this.ended = ended;
    void ended.then(() => this.#hasEnded = true);
  }

  /** Whether the connection has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Connects to the server at `address`: `host:port` or `tls://host:port`.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it cannot be reached,
   *   {@linkcode ErrorCode.TimedOut} when it does not answer within three seconds, {@linkcode ErrorCode.Unsupported}
   *   when it is too old to tell its status, {@linkcode ErrorCode.OtherNetwork} when it belongs to another network.
   *   Also the errors of {@linkcode OwnToken.for}, and those with which a server refuses a token.
   * @throws {TypeError} When `address` is not an address.
   * @throws {unknown} The reason of the signal when it aborts.
   */
  static async open(
    address: string,
    options: StatusConnectionOptions = {},
  ): Promise<StatusConnection> {
    const { network: home, token, insecureToken, tlsCa } = options;
    const signal = options.signal ?? new AbortController().signal;
    const network = typeof home === "string" ? new HomeNetwork(home, [address]) : home;
    const own = token instanceof OwnToken ? token : new OwnToken(token, insecureToken);
    const dialler = new Dialler(options.dial, tlsCa);
    const connection = await dialler.dial(address, signal, network?.namerOf(address));
    const stop = () => connection.abort(signal.reason);
    signal.addEventListener("abort", stop);
    const queries = new StatusQueries({
      out: connection.out,
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    });
    const ready = Promise.withResolvers<void>();
    const begin = async (capabilities: ReadonlySet<string>) => {
      try {
        network?.check(address, readNetwork(capabilities));
        const text = await own.for(address, connection, capabilities);
        if (!capabilities.has(Capability.Status)) throw tooOld(address);
        if (text === undefined) return ready.resolve();
        writeToken(connection.out, text);
      } catch (error) {
        connection.abort(error);
      }
    };
    let failure: NetlabError | undefined;
    const timer = setTimeout(() => connection.abort(noAnswer(address)), ANSWER_MS);
    const ended = connection.run({
      frame(frame) {
        const { type, subtype, payload } = frame;
        if (queries.received(frame)) return;
        if (type === FrameType.Error) failure = readError(frame);
        else if (type === FrameType.Registration && subtype === Registration.Token) ready.resolve();
        else if (
          type === FrameType.InformationResponse && subtype === Information.Capabilities
        ) void begin(readCapabilities(payload));
      },
    }).then(() => failure ?? lost(address), (error) => failure ?? error).finally(() => {
      signal.removeEventListener("abort", stop);
    });
    void ended.then((error) => {
      queries.close(error);
      ready.reject(error);
    });
    writeInformationRequest(connection.out, Information.Capabilities);
    try {
      await ready.promise;
    } finally {
      clearTimeout(timer);
    }
    return new StatusConnection(address, connection, queries, ended);
  }

  /** From where the server can be reached. */
  get reach(): HostReach {
    return reachOf(this.#connection.ip ?? hostOf(this.address));
  }

  /** Closes the connection. Requests without an answer fail. */
  async close(): Promise<void> {
    this.queries.close(
      new NetlabError(ErrorCode.Closed, "Cannot go on: the connection was closed"),
    );
    await this.#connection.close();
    await this.ended;
  }

  /** Calls {@linkcode StatusConnection.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Options of the functions that ask once. */
export interface AskStatusOptions extends StatusConnectionOptions {
  /**
   * The id of the server that is asked, over the one at the address.
   *
   * @default {the server at the address}
   */
  target?: string;
}

/** Asks a server for its status, over a connection of its own. Throws the errors of {@linkcode StatusConnection}. */
export async function askStatus(
  address: string,
  options: AskStatusOptions = {},
): Promise<ServerStatus> {
  await using connection = await StatusConnection.open(address, options);
  return await connection.queries.status(options.target);
}

/**
 * Asks a server for its events, over a connection of its own. Throws the errors of {@linkcode StatusConnection}.
 *
 * @param since The sequence number of the first event that is wanted; 0 for all that there are.
 */
export async function askEvents(
  address: string,
  since = 0,
  options: AskStatusOptions = {},
): Promise<EventsAnswer> {
  await using connection = await StatusConnection.open(address, options);
  return await connection.queries.events(options.target, since);
}

/**
 * Asks a server for its users, all pages, over a connection of its own. Throws the errors of
 * {@linkcode StatusConnection}.
 *
 * @param scope Whether its own users are wanted, or all that it knows.
 */
export async function askServerUsers(
  address: string,
  scope: UserScope = UserScope.Own,
  options: AskStatusOptions = {},
): Promise<UserStatus[]> {
  await using connection = await StatusConnection.open(address, options);
  return await readAllUsers(connection.queries, scope, options.target);
}

/** Reads all pages of users. Begins again when the server does not know the last page any more. */
export async function readAllUsers(
  queries: StatusQueries,
  scope: UserScope,
  target?: string,
): Promise<UserStatus[]> {
  for (let tries = LIST_TRIES;; tries--) {
    const users = new Map<string, UserStatus>();
    try {
      let next = "";
      do {
        const page = await queries.users(target, scope, next);
        for (const user of page.users) users.set(user.name, user);
        next = page.next;
      } while (next !== "");
      return [...users.values()];
    } catch (error) {
      const isOutdated = error instanceof NetlabError && error.code === ErrorCode.Malformed;
      if (!isOutdated || tries === 1) throw error;
    }
  }
}

function tooOld(address: string): NetlabError {
  return new NetlabError(
    ErrorCode.Unsupported,
    `Cannot watch ${address}: the server is too old to tell its status; update it, or name another`,
    { fatal: true },
  );
}

function noAnswer(address: string): NetlabError {
  return new NetlabError(ErrorCode.TimedOut, `Cannot ask ${address}: no answer`, { fatal: true });
}

function lost(address: string): NetlabError {
  return new NetlabError(
    ErrorCode.ConnectionLost,
    `Cannot ask ${address}: it closed the connection`,
    { fatal: true },
  );
}
