/**
 * Registers a user at the first of several servers that accepts the user. Must not know why the user needs a server,
 * or what becomes of the connection.
 *
 * @module
 */
import type { Dialler } from "../connection/dialler.ts";
import { ServerConnection, type ServerConnectionEvents } from "../connection/server_connection.ts";
import { isFinal, unreachable } from "../failures.ts";
import type { HomeNetwork } from "../home_network.ts";
import type { NameSecret } from "../name_secret.ts";
import type { OwnToken } from "../own_token.ts";
import { randomUuid } from "../random_uuid.ts";
import type { Ending } from "./ending.ts";
import type { KnownServers } from "./known_servers.ts";
import { Race } from "./race.ts";

/** Attempts to reach servers. */
export type ServerRace = Race<ServerConnection>;

/** Who registers, and where. */
export interface RegistrarOptions {
  /** The user's name. */
  readonly name: string;
  /** Knows which servers belong to the user's network. */
  readonly network: HomeNetwork;
  /** The user's token, or none. */
  readonly token: OwnToken;
  /** Opens the connections. */
  readonly dialler: Dialler;
}

/** Registers one user, at one server at a time. */
export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #servers: KnownServers;
  readonly #ending: Ending;
  readonly #events: ServerConnectionEvents;
  readonly #key: string = randomUuid();

  /** The secret that protects the name, while it is found and afterwards; `undefined` if there is none. */
  secret: Promise<NameSecret | undefined> = Promise.resolve(undefined);

  /** Starts without connections. `events` receives those of every connection. */
  constructor(
    options: RegistrarOptions,
    servers: KnownServers,
    ending: Ending,
    events: ServerConnectionEvents,
  ) {
    this.#options = options;
    this.#servers = servers;
    this.#ending = ending;
    this.#events = events;
  }

  /** Returns a race to reach servers. It does not register the user. The caller ends it. */
  race(): ServerRace {
    return new Race({
      attempt: (server, stop) => {
        const either = AbortSignal.any([stop, this.#ending.signal]);
        const { network, dialler } = this.#options;
        const dialled = dialler.dial(server, either, network.namerOf(server));
        return ServerConnection.reach(server, dialled, this.#events, either);
      },
      failed: (server) => this.#servers.failed(server, performance.now()),
      unused: (connection) => this.#ending.add(connection.dismiss()),
    });
  }

  /** Ends the attempts that were not needed. */
  endRace(race: ServerRace): void {
    this.#ending.add(race.close());
  }

  /**
   * Connects to the first of these servers that accepts the user, and ends the race. Throws the errors of
   * `P2pClient.connect` when none does.
   */
  async open(
    servers: readonly string[],
    race: ServerRace = this.race(),
  ): Promise<ServerConnection> {
    try {
      const connection = await this.register(servers, race);
      if (!connection) throw unreachable(servers, race.failures);
      const { signal } = this.#ending;
      if (!signal.aborted) return connection;
      this.#ending.add(connection.leave(this.#options.name, false));
      throw signal.reason;
    } finally {
      this.endRace(race);
    }
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
  async register(
    servers: readonly string[],
    race: ServerRace,
    forMs?: number,
  ): Promise<ServerConnection | undefined> {
    const { name, token } = this.#options;
    const { signal } = this.#ending;
    const user = { name, key: this.#key, secret: await this.secret };
    race.start(servers);
    for (;;) {
      const connection = await this.#ending.unless(race.next(forMs));
      if (!connection) return undefined;
      try {
        await connection.register(user, token, signal);
        this.#servers.worked(connection.address);
        return connection;
      } catch (error) {
        if (signal.aborted || isFinal(error, token.isRenewable)) throw error;
        race.failures.push(error);
        this.#servers.failed(connection.address, performance.now());
      }
    }
  }
}
