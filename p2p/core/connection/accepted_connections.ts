/**
 * The connections that other parties have opened. Owns how long one may stay unregistered. Does not know what
 * arrives on them.
 *
 * @module
 */
import type { Connection } from "./connection.ts";

/** How long a connection may stay unregistered without sending anything: milliseconds. */
const UNREGISTERED_MS = 60_000;
/** How often such connections are looked for: milliseconds. */
const CHECK_EVERY_MS = 1_000;

/** The accepted connections of one server. */
export class AcceptedConnections implements Iterable<Connection> {
  readonly #connections = new Set<Connection>();
  #checkedAt = 0;

  /** Adds a new connection. */
  add(connection: Connection): void {
    this.#connections.add(connection);
  }

  /** Removes a connection that has ended. Returns whether it was there. */
  delete(connection: Connection): boolean {
    return this.#connections.delete(connection);
  }

  /** Returns all connections, in the order in which they were opened. */
  [Symbol.iterator](): Iterator<Connection> {
    return this.#connections.values();
  }

  /** Closes the connections that nobody has registered at the time `now`: milliseconds since 1970. */
  tick(now: number): void {
    if (now - this.#checkedAt < CHECK_EVERY_MS) return;
    this.#checkedAt = now;
    for (const connection of this.#connections) {
      if (connection.isUnregistered && now - connection.heardAt > UNREGISTERED_MS) {
        connection.close();
      }
    }
  }

  /** Blames the silence until `now` on this server, which did not run: milliseconds since 1970. */
  slept(now: number): void {
    for (const connection of this.#connections) connection.heardAt = now;
  }
}
