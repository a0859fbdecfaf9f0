/**
 * The connections that other parties have opened. Does not know what arrives on them. `strangers.ts` owns how many
 * there may be, and how long one may stay unregistered.
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import { type StrangerLimits, Strangers } from "./strangers.ts";

/** The accepted connections of one server. */
export class AcceptedConnections implements Iterable<Connection> {
  readonly #connections = new Set<Connection>();
  readonly #strangers: Strangers;

  /** Creates an empty list with limits. */
  constructor(limits: StrangerLimits) {
    this.#strangers = new Strangers(limits);
  }

  /** The number of connections. */
  get size(): number {
    return this.#connections.size;
  }

  /** Adds a new connection, at the time `now`: milliseconds since 1970. Closes one if there are too many. */
  add(connection: Connection, now: number): void {
    this.#connections.add(connection);
    this.#strangers.add(connection, now);
  }

  /** Records that a connection that has not registered has sent a frame: milliseconds since 1970. */
  heard(connection: Connection, now: number): void {
    if (connection.dialled === undefined) this.#strangers.heard(connection, now);
  }

  /** Removes a connection that has ended. Returns whether it was there. */
  delete(connection: Connection): boolean {
    if (!this.#connections.delete(connection)) return false;
    this.#strangers.closed(connection);
    return true;
  }

  /** Returns all connections, in the order in which they were opened. */
  [Symbol.iterator](): Iterator<Connection> {
    return this.#connections.values();
  }

  /** Closes the connections that nobody has registered at the time `now`: milliseconds since 1970. */
  tick(now: number): void {
    this.#strangers.tick(now);
  }

  /** Blames the silence until `now` on this server, which did not run: milliseconds since 1970. */
  slept(now: number): void {
    for (const connection of this.#connections) connection.heardAt = now;
    this.#strangers.slept(now);
  }
}
