/**
 * Asks a server for the users of the whole network, over a connection of its own. Owns that connection. Does not know
 * who wants to know.
 *
 * @module
 */
import { readAllUsers, StatusConnection } from "@netlab/p2p/client";
import { UserScope } from "@netlab/protocol/codec";
import type { Servers } from "../../shared/connection/servers.ts";

/** The users of the network, as one server knows them. */
export class Directory {
  readonly #servers: Servers;
  readonly #token: string;
  #connection: StatusConnection | undefined;

  /**
   * Starts without a connection.
   *
   * @param token The token of the user; empty without one.
   */
  constructor(servers: Servers, token: string) {
    this.#servers = servers;
    this.#token = token;
  }

  /**
   * Asks the server at an address. Throws the errors of `StatusConnection`.
   *
   * @returns The address of the server of each user, by the user's name.
   */
  async read(address: string): Promise<ReadonlyMap<string, string>> {
    const { queries } = await this.#open(address);
    const [own, users] = await Promise.all([
      queries.status(),
      readAllUsers(queries, UserScope.All),
    ]);
    const addresses = new Map(own.routes.map(({ server, address }) => [server, address]));
    addresses.set(own.server, own.address);
    return new Map(users.map(({ name, server }) => [name, addresses.get(server) ?? ""]));
  }

  /** Closes the connection. */
  close(): void {
    void this.#connection?.close();
    this.#connection = undefined;
  }

  async #open(address: string): Promise<StatusConnection> {
    if (this.#connection?.address === address) return this.#connection;
    this.close();
    const connection = await StatusConnection.open(address, {
      dial: this.#servers.dial,
      ...this.#token !== "" && { token: this.#token },
    });
    this.#connection = connection;
    void connection.ended.then(() => {
      if (this.#connection === connection) this.#connection = undefined;
    });
    return connection;
  }
}
