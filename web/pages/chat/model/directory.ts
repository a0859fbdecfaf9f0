/**
 * Asks a server for the users of the whole network, over a connection of its own. Owns that connection. Does not know
 * who wants to know.
 *
 * @module
 */
import { type P2pClient, readAllUsers, type StatusConnection } from "@netlab/p2p/client";
import { UserScope } from "@netlab/protocol/codec";

/** The users of the network, as one server knows them. */
export class Directory {
  readonly #client: P2pClient;
  #connection: Promise<StatusConnection> | undefined;

  /** Starts without a connection. Asks the server of this client. */
  constructor(client: P2pClient) {
    this.#client = client;
  }

  /**
   * Asks the server. Throws the errors of `StatusConnection`.
   *
   * @returns The address of the server of each user, by the user's name.
   */
  async read(): Promise<ReadonlyMap<string, string>> {
    const { queries } = await this.#open();
    const [own, users] = await Promise.all([
      queries.status(),
      readAllUsers(queries, UserScope.All),
    ]);
    const addresses = new Map(own.routes.map(({ server, address }) => [server, address]));
    addresses.set(own.server, own.address);
    return new Map(users.map(({ name, server }) => [name, addresses.get(server) ?? ""]));
  }

  async #open(): Promise<StatusConnection> {
    const opening = this.#connection ??= this.#client.watch();
    const forget = () => {
      if (this.#connection === opening) this.#connection = undefined;
    };
    try {
      const connection = await opening;
      void connection.ended.then(forget);
      return connection;
    } catch (error) {
      forget();
      throw error;
    }
  }
}
