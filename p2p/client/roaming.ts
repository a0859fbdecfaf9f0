/**
 * Keeps a user connected to the network. Owns the choice of a server, reconnecting after a loss, and moving to
 * another server. Must not know what the session sends and receives.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { generate as generateId } from "@std/uuid/v7";
import { askServers } from "./ask.ts";
import { ServerConnection, type ServerConnectionEvents } from "./server_connection.ts";
import type { ClientSession } from "../core/session/client_session.ts";
import { backoffMs } from "../core/mesh/discovery.ts";
import { legacyMessage } from "./legacy_text.ts";

/** The state of a client's connection. */
export type ClientStatus =
  /** It is registered at a server. A `legacy` server sends no receipts. */
  | { state: "connected"; server: string; legacy: boolean }
  /** It has lost its server and looks for another. */
  | { state: "reconnecting"; reason: string }
  /** It has ended: the program closed it, or an error ended it. */
  | { state: "closed"; error?: NetlabError };

/** The user, and the servers to try. */
export interface RoamingOptions {
  /** The user's name. */
  readonly name: string;
  /** Addresses of servers, `host:port` each, tried in this order. */
  readonly servers: readonly string[];
  /** Returns the servers in the order in which to try them. Called at the start and after every loss. */
  readonly rank: ((servers: string[]) => Promise<string[]>) | undefined;
}

/** Receives the events of a {@linkcode Roaming}. */
export interface RoamingEvents {
  /** The user is registered at a server, or has lost it. */
  status(status: ClientStatus): void;
  /** The user cannot register at any server any more. */
  failed(reason: NetlabError): void;
}

/** The interval between requests for the servers that the server knows. They also keep the session alive. */
const ASK_EVERY_MS = 15_000;
/** A server that has not answered a request for this long counts as dead: milliseconds. */
const SILENT_MS = 5_000;
/** The limit of the wait between two attempts to reach any server, in doublings of 250 ms. */
const MAX_DOUBLINGS = 4;

/** A user's connections to servers, one after the other. */
export class Roaming {
  readonly #options: RoamingOptions;
  readonly #events: RoamingEvents;
  readonly #session: ClientSession;
  readonly #sessionKey: string = generateId();
  readonly #learned = new Set<string>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #connection: ServerConnection | undefined;
  #reconnecting: Promise<void> | undefined;
  #switching: Promise<void> | undefined;
  #started = false;
  #isPaused = false;
  #askedAt = 0;

  /** Starts without a connection. `session` reads and writes the frames. */
  constructor(options: RoamingOptions, session: ClientSession, events: RoamingEvents) {
    this.#options = options;
    this.#session = session;
    this.#events = events;
  }

  /**
   * Registers at the first server that can be reached, unless `signal` aborts first. Throws the errors of
   * `P2pClient.connect`.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const giveUp = () => this.#end.abort(signal!.reason);
    signal?.addEventListener("abort", giveUp);
    try {
      if (signal?.aborted) giveUp();
      await this.#connectToAny(undefined);
      this.#end.signal.throwIfAborted();
      this.#started = true;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** The address of the server at which the user is registered; `undefined` while there is none. */
  get server(): string | undefined {
    return this.#connection?.address;
  }

  /** When the last bytes from the server arrived: milliseconds of `performance.now()`. */
  get heardAt(): number | undefined {
    return this.#connection?.heardAt;
  }

  /** The addresses of all servers that the client knows. */
  get knownServers(): string[] {
    return [...new Set([...this.#options.servers, ...this.#learned])];
  }

  /** Stops or resumes reading from the network, at this server and at later ones. */
  pauseReading(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#connection?.pauseReading(isPaused);
  }

  /** Disconnects from a silent server, and keeps the session alive. Called every second. */
  tick(now: number): void {
    const connection = this.#connection;
    if (!connection) return;
    if (connection.legacy) return this.#askLegacy(connection.address, now);
    const silent = !connection.isPaused && connection.heardAt < this.#askedAt;
    if (silent && now - this.#askedAt > SILENT_MS) {
      connection.abort(
        new NetlabError(
          ErrorCode.TimedOut,
          `Lost the connection to ${connection.address}: it is silent`,
          { fatal: true },
        ),
      );
    } else if (now - this.#askedAt >= ASK_EVERY_MS) {
      this.#askedAt = now;
      connection.askServers();
    }
  }

  /** Moves to another server, as `P2pClient.moveTo` does. */
  async moveTo(server: string): Promise<void> {
    this.#end.signal.throwIfAborted();
    if (this.#connection?.address === server) return;
    const opening = this.#open(server);
    // If both addresses belong to one server, it may close the old connection first.
    this.#switching = opening.then(() => {}, () => {});
    const next = await opening;
    if (this.#end.signal.aborted) {
      this.#leave(next);
      throw this.#end.signal.reason;
    }
    const before = this.#connection;
    this.#attach(next);
    if (before) this.#leave(before, true);
  }

  /** Signs off and stops looking for servers. Pending calls fail with `reason`. */
  async close(reason: NetlabError): Promise<void> {
    this.#end.abort(reason);
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection) this.#leave(connection);
    await Promise.all([this.#reconnecting, this.#switching]);
    await Promise.all(this.#leaving);
  }

  async #open(server: string): Promise<ServerConnection> {
    const events: ServerConnectionEvents = {
      frame: (frame, from) => this.#session.received(frame, from),
      text: (text, isRest) =>
        this.#session.receive(legacyMessage(text, isRest, this.#options.name), false),
      servers: (addresses) => this.#learn(addresses),
      moveRequested: (servers, from) => {
        if (from === this.#connection) void this.#moveToAny(servers);
      },
      drained: (from) => {
        if (from === this.#connection) this.#session.pump();
      },
    };
    const user = { name: this.#options.name, session: this.#sessionKey };
    return await ServerConnection.open(server, user, events, this.#end.signal);
  }

  #learn(addresses: readonly string[]): void {
    for (const address of addresses) this.#learned.add(address);
  }

  /** Asks a legacy server for the servers that it knows. This needs a new connection; the user's carries text. */
  #askLegacy(address: string, now: number): void {
    if (now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    // A failure is ignored: the user's own connection shows whether the server is alive.
    askServers(address).then((servers) => this.#learn(servers), () => {});
  }

  #attach(connection: ServerConnection): void {
    this.#connection = connection;
    if (this.#isPaused) connection.pauseReading(true);
    this.#askedAt = performance.now();
    connection.askServers();
    this.#session.attach(connection);
    this.#events.status({
      state: "connected",
      server: connection.address,
      legacy: connection.legacy,
    });
    void connection.ended.then(async (reason) => {
      await this.#switching;
      if (connection === this.#connection) this.#lost(connection, reason!);
    });
  }

  /** Moves to one of these servers. The random order spreads the users of a leaving server. */
  async #moveToAny(servers: string[]): Promise<void> {
    const order = servers.map((server) => ({ server, at: Math.random() }));
    for (const { server } of order.sort((a, b) => a.at - b.at)) {
      try {
        return await this.moveTo(server);
      } catch {
        // Try the next one. If none accepts the user, the client reconnects when its connection ends.
      }
    }
  }

  #leave(connection: ServerConnection, moves = false): void {
    const leaving = connection.leave(this.#options.name, moves).finally(() => {
      this.#session.detach(connection);
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
  }

  /** The connection was lost: looks for a server until one is found or the client is closed. */
  #lost(connection: ServerConnection, reason: NetlabError): void {
    this.#connection = undefined;
    this.#session.detach(connection);
    if (isFinal(reason)) return this.#events.failed(reason);
    this.#events.status({ state: "reconnecting", reason: reason.message });
    this.#reconnecting = this.#reconnect(connection.address).finally(() =>
      this.#reconnecting = undefined
    );
  }

  async #reconnect(lost: string): Promise<void> {
    for (let round = 0; !this.#end.signal.aborted; round++) {
      try {
        return await this.#connectToAny(round === 0 ? lost : undefined);
      } catch (error) {
        if (error instanceof NetlabError && isFinal(error)) return this.#events.failed(error);
      }
      await this.#pause(backoffMs(Math.min(round, MAX_DOUBLINGS), Math.random()));
    }
  }

  /** Connects to the first server that accepts the user. Tries the server that was just lost last. */
  async #connectToAny(lost: string | undefined): Promise<void> {
    const failures: Error[] = [];
    for (const server of await this.#candidates(lost)) {
      if (this.#end.signal.aborted) return;
      try {
        const connection = await this.#open(server);
        if (this.#end.signal.aborted) return this.#leave(connection);
        if (this.#connection) return this.#leave(connection, true);
        return this.#attach(connection);
      } catch (error) {
        if (!(error instanceof NetlabError) || isFinal(error)) throw error;
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    throw new NetlabError(
      ErrorCode.ConnectionLost,
      `Cannot reach any server: tried ${this.knownServers.join(", ")}; start one first`,
      { cause: new AggregateError(failures), fatal: true },
    );
  }

  /**
   * The servers in the order in which to try them: as given at the start, and in random order after a loss, so
   * that the users of one server spread over the others.
   */
  async #candidates(lost: string | undefined): Promise<string[]> {
    const servers = this.knownServers;
    if (this.#options.rank) return await this.#unlessEnded(this.#options.rank(servers));
    if (!this.#started) return servers;
    const order = servers.map((server) => ({ server, at: server === lost ? 1 : Math.random() }));
    return order.sort((a, b) => a.at - b.at).map(({ server }) => server);
  }

  /** The result of `work`, or the reason for closing when the client is closed first. */
  async #unlessEnded<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#end;
    const { promise, reject } = Promise.withResolvers<never>();
    const onEnd = () => reject(signal.reason);
    signal.addEventListener("abort", onEnd);
    if (signal.aborted) onEnd();
    return await Promise.race([promise, work]).finally(() =>
      signal.removeEventListener("abort", onEnd)
    );
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#end.signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(() => clearTimeout(timer));
  }
}

/** Whether retrying is useless: the name is taken or invalid, or another connection replaced this one. */
function isFinal({ code }: NetlabError): boolean {
  return code === ErrorCode.NameTaken || code === ErrorCode.NameInvalid ||
    code === ErrorCode.Replaced;
}
