/**
 * Keeps a user connected to the network. Owns the choice of a server, reconnecting after a loss, and moving to
 * another server. Must not know what the session sends and receives.
 *
 * @module
 */
import { ErrorCode, NetlabError, type ProtectedName } from "@netlab/protocol/codec";
import type { NameSecret } from "./name_secret.ts";
import { askServers } from "./ask.ts";
import { isFinal, isTimeout, unreachable } from "./failures.ts";
import type { HomeNetwork } from "./home_network.ts";
import type { Dialler } from "./connection/dialler.ts";
import { KnownServers } from "./known_servers.ts";
import { isTokenError, type OwnToken } from "./own_token.ts";
import { Race } from "./race.ts";
import { ServerConnection, type ServerConnectionEvents } from "./connection/server_connection.ts";
import type { ClientSession } from "../core/session/client_session.ts";
import { backoffMs } from "../core/mesh/addresses/backoff.ts";
import { legacyMessage } from "./connection/legacy_text.ts";

/** The state of a client's connection. */
export type ClientStatus =
  /** It is registered at a server. A `legacy` server sends no receipts. */
  | { state: "connected"; server: string; legacy: boolean }
  /**
   * Messages wait for the server to accept them, and it has been silent for about 1.5 s. The next state is
   * `connected` when the server answers, or `reconnecting` a second later.
   */
  | { state: "waiting"; server: string }
  /** It has lost its server and looks for another. */
  | { state: "reconnecting"; reason: string }
  /** It has ended: the program closed it, or an error ended it. */
  | { state: "closed"; error?: NetlabError };

/** The user, and the servers to try. */
export interface RoamingOptions {
  /** The user's name. */
  readonly name: string;
  /** Addresses of servers, `host:port` each, tried in this order, each with a start of 250 ms. */
  readonly servers: readonly string[];
  /** Returns the servers in the order in which to try them. Called at the start and after every loss. */
  readonly rank: ((servers: string[]) => Promise<string[]>) | undefined;
  /** Knows which servers belong to the user's network. */
  readonly network: HomeNetwork;
  /** The user's token, or none. */
  readonly token: OwnToken;
  /** Opens the connections. */
  readonly dialler: Dialler;
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
/** How often a server may ask the user to move: milliseconds. */
const MOVE_EVERY_MS = 1_000;
/** How many of the servers are tried to which a server asks the user to move. */
const MAX_MOVE_TARGETS = 32;
/** A connection that is lost earlier is short: milliseconds. */
const SHORT_MS = 5_000;
/** How many short connections in a row are replaced at once. The client waits before it replaces further ones. */
const MAX_SHORT = 3;
/** The limit of the wait between two attempts to reach any server, in doublings of 250 ms. */
const MAX_DOUBLINGS = 4;

/** A user's connections to servers, one after the other. */
export class Roaming {
  readonly #options: RoamingOptions;
  readonly #events: RoamingEvents;
  readonly #session: ClientSession;
  readonly #key: string = crypto.randomUUID();
  readonly #servers: KnownServers;
  /** Connections and attempts that are ending. */
  readonly #ending = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #connection: ServerConnection | undefined;
  #reconnecting: Promise<void> | undefined;
  /** The attempts to move to another server. */
  #moving: Race<ServerConnection> | undefined;
  #switching: Promise<void> | undefined;
  #started = false;
  #isPaused = false;
  /** When the server was last asked for the servers that it knows: milliseconds. */
  #askedAt = 0;
  /** When a server last asked the user to move to others: milliseconds. */
  #askedToMoveAt = -Infinity;
  /** When the user was registered last: milliseconds. */
  #attachedAt = -Infinity;
  /** How many connections in a row were lost shortly after the user was registered. */
  #shortLived = 0;
  /** Whether the status is `waiting`. */
  #isWaiting = false;

  /** The secret that protects the name, while it is found and afterwards; `undefined` if there is none. */
  secret: Promise<NameSecret | undefined> = Promise.resolve(undefined);

  /** Starts without a connection. `session` reads and writes the frames. */
  constructor(options: RoamingOptions, session: ClientSession, events: RoamingEvents) {
    this.#options = options;
    const { servers, network } = options;
    this.#servers = new KnownServers(servers, (server) => network.isProven(server));
    this.#session = session;
    this.#events = events;
  }

  /**
   * Registers at a server, unless `signal` aborts first. Throws the errors of `P2pClient.connect`.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const giveUp = () => this.#end.abort(signal!.reason);
    signal?.addEventListener("abort", giveUp);
    try {
      if (signal?.aborted) giveUp();
      const connection = await this.#open(await this.#candidates(), this.#race());
      this.#started = true;
      this.#attach(connection);
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
    return this.#servers.addresses;
  }

  /** The address of a server that probably answers questions: the current one, if there is one. */
  get serverToAsk(): string {
    return this.server ??
      this.#servers.recentlyFailedLast(this.knownServers, performance.now())[0]!;
  }

  /** Aborts when the client is closed. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** Stops or resumes reading from the network, at this server and at later ones. */
  pauseReading(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#connection?.pauseReading(isPaused);
  }

  /** Disconnects from a silent server, and keeps the session alive. Called every 250 ms. */
  tick(now: number): void {
    const connection = this.#connection;
    if (!connection) return;
    if (connection.legacy) return this.#askLegacy(connection, now);
    if (now - this.#askedAt >= ASK_EVERY_MS) {
      this.#askedAt = now;
      connection.askServers();
    }
    const { isWaiting } = this.#session;
    const verdict = connection.look(now, isWaiting);
    if (verdict === "late" && isWaiting && !this.#isWaiting) {
      this.#isWaiting = true;
      this.#events.status({ state: "waiting", server: connection.address });
    } else if (verdict === undefined && this.#isWaiting) this.#tellConnected(connection);
  }

  /**
   * Sends a record that changes the protection of the name to the current server. Throws the errors of
   * `ServerConnection.protect`.
   */
  async protect(record: ProtectedName): Promise<void> {
    if (!this.#connection || this.#connection.legacy) {
      const message = "Cannot change the secret: the user is not registered at a netlab server now";
      throw new NetlabError(ErrorCode.ConnectionLost, message);
    }
    await this.#connection.protect(record);
  }

  /** Moves to another server, as `P2pClient.moveTo` does. */
  async moveTo(server: string): Promise<void> {
    this.#end.signal.throwIfAborted();
    if (this.#connection?.address !== server) await this.#moveToAny([server]);
  }

  /** Signs off and stops looking for servers. Pending calls fail with `reason`. */
  async close(reason: NetlabError): Promise<void> {
    this.#end.abort(reason);
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection) this.#leave(connection);
    await Promise.all([this.#reconnecting, this.#switching]);
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  /** The handlers of every connection. */
  readonly #connectionEvents: ServerConnectionEvents = {
    frame: (frame, from) => this.#session.received(frame, from),
    text: (text, isRest) =>
      this.#session.receive(legacyMessage(text, isRest, this.#options.name), false),
    admit: (server, network) => this.#options.network.check(server, network),
    networkChanged: (from) => {
      if (from === this.#connection) this.#options.network.enter(from.address, from.network);
    },
    servers: (addresses, from) => this.#learn(this.#options.network.listed(addresses, from.reach)),
    moveRequested: (servers, from) => {
      const now = performance.now();
      if (from !== this.#connection || this.#moving || now - this.#askedToMoveAt < MOVE_EVERY_MS) {
        return;
      }
      this.#askedToMoveAt = now;
      const named = this.#options.network.listed(servers, from.reach);
      // A server that asks again and again would make this client dial without end.
      const some = this.#inRandomOrder(named).slice(0, MAX_MOVE_TARGETS);
      // If none accepts the user, the client reconnects when its connection ends.
      this.#moveToAny(some).catch(() => {});
    },
    drained: (from) => {
      if (from === this.#connection) this.#session.pump();
    },
  };

  /** Returns a race to reach servers. It does not register the user. */
  #race(): Race<ServerConnection> {
    return new Race({
      attempt: (server, stop) => {
        const either = AbortSignal.any([stop, this.#end.signal]);
        const { network, dialler } = this.#options;
        const dialled = dialler.dial(server, either, network.namerOf(server));
        return ServerConnection.reach(server, dialled, this.#connectionEvents, either);
      },
      failed: (server) => this.#servers.failed(server, performance.now()),
      unused: (connection) => this.#untilEnded(connection.dismiss()),
    });
  }

  /** Ends the attempts that were not needed. */
  #endRace(race: Race<ServerConnection>): void {
    this.#untilEnded(race.close());
  }

  #untilEnded(work: Promise<void>): void {
    const ending = work.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /**
   * Connects to the first of these servers that accepts the user. The user registers at one server at a time.
   *
   * @param race Runs the attempts.
   * @param forMs How long to wait, as for `Race.next`.
   * @returns `undefined` when no server has accepted the user in that time.
   * @throws {NetlabError} When a server refuses the user for a reason that holds for every server.
   * @throws {unknown} The reason for closing when the client is closed first.
   */
  async #register(
    servers: readonly string[],
    race: Race<ServerConnection>,
    forMs?: number,
  ): Promise<ServerConnection | undefined> {
    const { name, token } = this.#options;
    const user = { name, key: this.#key, secret: await this.secret };
    race.start(servers);
    for (;;) {
      const connection = await this.#unlessEnded(race.next(forMs));
      if (!connection) return undefined;
      try {
        await connection.register(user, token, this.#end.signal);
        this.#servers.worked(connection.address);
        return connection;
      } catch (error) {
        if (this.#end.signal.aborted || isFinal(error, token.isRenewable)) throw error;
        race.failures.push(error);
        this.#servers.failed(connection.address, performance.now());
      }
    }
  }

  /**
   * Connects to the first of these servers that accepts the user. Throws the errors of `P2pClient.connect` when
   * none does.
   */
  async #open(
    servers: readonly string[],
    race: Race<ServerConnection>,
  ): Promise<ServerConnection> {
    try {
      const connection = await this.#register(servers, race);
      if (!connection) throw unreachable(servers, race.failures);
      if (!this.#end.signal.aborted) return connection;
      this.#leave(connection);
      throw this.#end.signal.reason;
    } finally {
      this.#endRace(race);
    }
  }

  #learn(addresses: readonly string[]): void {
    this.#servers.learn(addresses, performance.now());
  }

  /**
   * Asks a legacy server for the servers that it knows. This needs a new connection; the user's carries text. A
   * legacy server that accepts connections and does not answer is lost.
   */
  #askLegacy(connection: ServerConnection, now: number): void {
    if (now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    const { network, dialler } = this.#options;
    const answer = askServers(connection.address, network, this.#end.signal, undefined, dialler);
    answer.then((servers) => this.#learn(servers), (error) => {
      const isSilent = connection.heardAt < now && !this.#isPaused;
      // After any other failure, the user's own connection shows whether the server is alive.
      if (isSilent && isTimeout(error)) connection.abort(error);
    });
  }

  #attach(connection: ServerConnection): void {
    this.#connection = connection;
    this.#options.network.enter(connection.address, connection.network);
    if (this.#isPaused) connection.pauseReading(true);
    this.#askedAt = this.#attachedAt = performance.now();
    connection.askServers();
    this.#session.attach(connection);
    this.#tellConnected(connection);
    void connection.ended.then(async (reason) => {
      // If both addresses belong to one server, it may close the old connection before the move is complete.
      const isLost = connection === this.#connection && reason?.code !== ErrorCode.Replaced;
      if (isLost && this.#moving) this.#endRace(this.#moving);
      await this.#switching;
      if (connection === this.#connection) this.#lost(connection, reason!);
    });
  }

  #tellConnected({ address: server, legacy }: ServerConnection): void {
    this.#isWaiting = false;
    this.#events.status({ state: "connected", server, legacy });
  }

  async #moveToAny(servers: readonly string[]): Promise<void> {
    const race = this.#moving = this.#race();
    const opening = this.#open(servers, race).finally(() => {
      if (this.#moving === race) this.#moving = undefined;
    });
    this.#switching = opening.then(() => {}, () => {});
    const next = await opening;
    const before = this.#connection;
    this.#attach(next);
    if (before) this.#leave(before, true);
  }

  #leave(connection: ServerConnection, moves = false): void {
    this.#untilEnded(
      connection.leave(this.#options.name, moves).finally(() => this.#session.detach(connection)),
    );
  }

  /** The connection was lost: looks for a server until one is found or the client is closed. */
  #lost(connection: ServerConnection, reason: NetlabError): void {
    this.#connection = undefined;
    this.#isWaiting = false;
    this.#session.detach(connection);
    const { isRenewable } = this.#options.token;
    // Another token may be there by now.
    const isOver = isFinal(reason, isRenewable) && !(isRenewable && isTokenError(reason));
    if (isOver) return this.#events.failed(reason);
    this.#servers.failed(connection.address, performance.now());
    this.#events.status({ state: "reconnecting", reason: reason.message });
    this.#reconnecting = this.#reconnect().finally(() => this.#reconnecting = undefined);
  }

  async #reconnect(): Promise<void> {
    const race = this.#race();
    try {
      await this.#pauseIfShort();
      for (let round = 0;; round++) {
        const servers = await this.#candidates().catch(() => []);
        const waitMs = backoffMs(Math.min(round, MAX_DOUBLINGS), Math.random());
        const connection = await this.#register(servers, race, waitMs);
        if (!connection) continue;
        // The program may have moved the client meanwhile.
        if (this.#connection || this.#end.signal.aborted) this.#leave(connection, true);
        else this.#attach(connection);
        return;
      }
    } catch (error) {
      if (!this.#end.signal.aborted) this.#events.failed(error as NetlabError);
    } finally {
      this.#endRace(race);
    }
  }

  /** Waits if the last connections were lost shortly after the user was registered, each time a little longer. */
  async #pauseIfShort(): Promise<void> {
    const isShort = performance.now() - this.#attachedAt < SHORT_MS;
    this.#shortLived = isShort ? this.#shortLived + 1 : 0;
    const excess = this.#shortLived - MAX_SHORT;
    if (excess <= 0) return;
    const timer = Promise.withResolvers<void>();
    const id = setTimeout(timer.resolve, backoffMs(Math.min(excess, MAX_DOUBLINGS), Math.random()));
    await this.#unlessEnded(timer.promise).finally(() => clearTimeout(id));
  }

  /**
   * The servers in the order in which to try them: as given at the start, and in random order after a loss, so
   * that the users of one server spread over the others. Those that failed a short time ago are the last.
   */
  async #candidates(): Promise<string[]> {
    const { rank, network } = this.#options;
    const now = performance.now();
    const servers = this.#servers.toTry(this.knownServers, now);
    if (!rank) {
      if (!this.#started) return servers;
      // A server may have listed any number of strangers, which must not come before all others.
      const proven = servers.filter((server) => network.isProven(server));
      const others = servers.filter((server) => !network.isProven(server));
      return this.#inTurn(this.#inRandomOrder(proven), this.#inRandomOrder(others), now);
    }
    const ranked = await this.#unlessEnded(rank(servers));
    return this.#servers.recentlyFailedLast(this.#servers.toTry(ranked, now), now);
  }

  /** Takes one of each list in turn. Those that failed a short time ago are the last. */
  #inTurn(one: readonly string[], other: readonly string[], now: number): string[] {
    const order = Array.from(
      { length: Math.max(one.length, other.length) },
      (_, index) => [one[index], other[index]],
    ).flat().filter((server) => server !== undefined);
    return this.#servers.recentlyFailedLast(order, now);
  }

  #inRandomOrder(servers: readonly string[]): string[] {
    const order = servers.map((server) => ({ server, at: Math.random() }))
      .sort((a, b) => a.at - b.at).map(({ server }) => server);
    return this.#servers.recentlyFailedLast(order, performance.now());
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
}
