/**
 * Keeps a user connected to the network. Owns the choice of a server, reconnecting after a loss, and moving to
 * another server. Must not know what the session sends and receives.
 *
 * @module
 */
import { ErrorCode, NetlabError, type ProtectedName } from "@netlab/protocol/codec";
import type { NameSecret } from "../name_secret.ts";
import { askServers } from "../ask.ts";
import { isFinal, isTimeout } from "../failures.ts";
import { KnownServers } from "./known_servers.ts";
import { isTokenError } from "../own_token.ts";
import type { ServerConnection, ServerConnectionEvents } from "../connection/server_connection.ts";
import type { ClientSession } from "../../core/session/client_session.ts";
import { backoffMs } from "../../core/mesh/addresses/backoff.ts";
import { legacyMessage } from "../connection/legacy_text.ts";
import { Candidates, type CandidatesOptions } from "./candidates.ts";
import { Ending } from "./ending.ts";
import { Registrar, type RegistrarOptions, type ServerRace } from "./registrar.ts";

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
export interface RoamingOptions extends RegistrarOptions {
  /** Addresses of servers, `host:port` each, tried in this order, each with a start of 250 ms. */
  readonly servers: readonly string[];
  /** Returns the servers in the order in which to try them. Called at the start and after every loss. */
  readonly rank: CandidatesOptions["rank"];
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
  readonly #servers: KnownServers;
  readonly #candidates: Candidates;
  readonly #registrar: Registrar;
  readonly #ending = new Ending();
  #connection: ServerConnection | undefined;
  #reconnecting: Promise<void> | undefined;
  /** The attempts to move to another server. */
  #moving: ServerRace | undefined;
  #switching: Promise<void> | undefined;
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

  /** Starts without a connection. `session` reads and writes the frames. */
  constructor(options: RoamingOptions, session: ClientSession, events: RoamingEvents) {
    this.#options = options;
    const { servers, rank, network } = options;
    const isProven = (server: string) => network.isProven(server);
    this.#servers = new KnownServers(servers, isProven);
    this.#candidates = new Candidates(this.#servers, { rank, isProven });
    this.#registrar = new Registrar(options, this.#servers, this.#ending, this.#connectionEvents);
    this.#session = session;
    this.#events = events;
  }

  /** The secret that protects the name, while it is found and afterwards; `undefined` if there is none. */
  get secret(): Promise<NameSecret | undefined> {
    return this.#registrar.secret;
  }

  set secret(secret: Promise<NameSecret | undefined>) {
    this.#registrar.secret = secret;
  }

  /**
   * Registers at a server, unless `signal` aborts first. Throws the errors of `P2pClient.connect`.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const giveUp = () => this.#ending.begin(signal!.reason);
    signal?.addEventListener("abort", giveUp);
    try {
      if (signal?.aborted) giveUp();
      const servers = await this.#ending.unless(this.#candidates.first(performance.now()));
      this.#attach(await this.#registrar.open(servers));
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
    return this.#ending.signal;
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
    this.#ending.signal.throwIfAborted();
    if (this.#connection?.address !== server) await this.#moveToAny([server]);
  }

  /** Signs off and stops looking for servers. Pending calls fail with `reason`. */
  async close(reason: NetlabError): Promise<void> {
    this.#ending.begin(reason);
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection) this.#leave(connection);
    await Promise.all([this.#reconnecting, this.#switching]);
    await this.#ending.settled();
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
      const some = this.#candidates.shuffled(named, now).slice(0, MAX_MOVE_TARGETS);
      // If none accepts the user, the client reconnects when its connection ends.
      this.#moveToAny(some).catch(() => {});
    },
    drained: (from) => {
      if (from === this.#connection) this.#session.pump();
    },
  };

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
    const answer = askServers(connection.address, network, this.#ending.signal, undefined, dialler);
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
      if (isLost && this.#moving) this.#registrar.endRace(this.#moving);
      await this.#switching;
      if (connection === this.#connection) this.#lost(connection, reason!);
    });
  }

  #tellConnected({ address: server, legacy }: ServerConnection): void {
    this.#isWaiting = false;
    this.#events.status({ state: "connected", server, legacy });
  }

  async #moveToAny(servers: readonly string[]): Promise<void> {
    const race = this.#moving = this.#registrar.race();
    const opening = this.#registrar.open(servers, race).finally(() => {
      if (this.#moving === race) this.#moving = undefined;
    });
    this.#switching = opening.then(() => {}, () => {});
    const next = await opening;
    const before = this.#connection;
    this.#attach(next);
    if (before) this.#leave(before, true);
  }

  #leave(connection: ServerConnection, moves = false): void {
    this.#ending.add(
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
    const race = this.#registrar.race();
    try {
      await this.#pauseIfShort();
      for (let round = 0;; round++) {
        const servers = await this.#ending.unless(this.#candidates.next(performance.now()))
          .catch(() => []);
        const waitMs = backoffMs(Math.min(round, MAX_DOUBLINGS), Math.random());
        const connection = await this.#registrar.register(servers, race, waitMs);
        if (!connection) continue;
        // The program may have moved the client meanwhile.
        if (this.#connection || this.#ending.signal.aborted) this.#leave(connection, true);
        else this.#attach(connection);
        return;
      }
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#events.failed(error as NetlabError);
    } finally {
      this.#registrar.endRace(race);
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
    await this.#ending.unless(timer.promise).finally(() => clearTimeout(id));
  }
}
