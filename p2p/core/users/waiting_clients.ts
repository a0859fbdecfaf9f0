/**
 * The legacy clients that wait until their name is free. Owns how long they wait, and who is next. Does not know
 * how users are registered.
 *
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import type { Locations } from "../mesh/locations/locations.ts";
import { MOVE_MS } from "./moves.ts";
import type { UserRegistration } from "./user.ts";

/** A legacy client that waits until its name is free. */
interface Waiting {
  readonly registration: UserRegistration;
  /** The end of the wait: milliseconds since 1970. */
  readonly deadline: number;
}

/** The waiting clients of one server. */
export class WaitingClients {
  readonly #context: Context;
  readonly #locations: Locations;
  readonly #register: (connection: Connection, registration: UserRegistration) => void;
  readonly #waiting = new Map<Connection, Waiting>();
  /** The connections that wait for each name, in order. */
  readonly #byName = new Map<string, Set<Connection>>();

  /**
   * Creates an empty list.
   *
   * @param register Tries again to register a client, whose name is free or whose wait is over.
   */
  constructor(
    context: Context,
    locations: Locations,
    register: (connection: Connection, registration: UserRegistration) => void,
  ) {
    this.#context = context;
    this.#locations = locations;
    this.#register = register;
  }

  /** Lets a client wait. Returns `false` if it has waited already. */
  add(connection: Connection, registration: UserRegistration): boolean {
    if (this.#waiting.has(connection)) return false;
    this.#waiting.set(connection, { registration, deadline: this.#context.now + MOVE_MS });
    const { name } = registration;
    this.#byName.set(name, (this.#byName.get(name) ?? new Set()).add(connection));
    return true;
  }

  /** Forgets a client whose connection has ended. */
  delete(connection: Connection): void {
    const name = this.#waiting.get(connection)?.registration.name;
    if (name === undefined) return;
    this.#waiting.delete(connection);
    const others = this.#byName.get(name)!;
    if (others.delete(connection) && others.size === 0) this.#byName.delete(name);
  }

  /** Registers the first client that waits for a name if the name is free. */
  admit(name: string): void {
    for (const connection of this.#byName.get(name) ?? []) {
      if (!this.#locations.isFree(name)) return;
      const { registration } = this.#waiting.get(connection)!;
      this.delete(connection);
      return this.#register(connection, registration);
    }
  }

  /** Registers the clients whose wait is over, or lets them hear that their name is taken. */
  tick(): void {
    const { now } = this.#context;
    for (const [connection, { registration, deadline }] of this.#waiting) {
      if (now < deadline) continue;
      this.#register(connection, registration);
      this.delete(connection);
    }
  }
}
