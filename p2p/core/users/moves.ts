/**
 * The users whose session is moving to another server. Owns when such a user is released here. Does not know
 * how users are registered or removed.
 *
 * @module
 */
import type { Context } from "../host.ts";
import type { Directory } from "../mesh/directory.ts";
import type { Topology } from "../mesh/topology/topology.ts";
import type { User } from "./user.ts";

/** How long the announcement of a moved session may take to arrive from another server: milliseconds. */
export const MOVE_MS = 2_000;

/** The users of one server who are moving away. */
export class Moves {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #topology: Topology;
  readonly #release: (user: User) => void;
  /** When each user is released at the latest: milliseconds since 1970. */
  readonly #moving = new Map<User, number>();

  /**
   * Creates an empty list.
   *
   * @param release Removes a user from this server. It must call {@linkcode Moves.end}.
   */
  constructor(
    context: Context,
    directory: Directory,
    topology: Topology,
    release: (user: User) => void,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#topology = topology;
    this.#release = release;
  }

  /**
   * Keeps a user until another server announces the session, for two seconds at most.
   *
   * @returns Whether the user is kept. If not, another server has the session already.
   */
  begin(user: User): boolean {
    if (this.#isElsewhere(user)) return false;
    this.#moving.set(user, this.#context.now + MOVE_MS);
    return true;
  }

  /** Forgets a user who has left or has returned. */
  end(user: User): void {
    this.#moving.delete(user);
  }

  /** Releases a user who is moving if another server has the session. Returns whether it does. */
  settle(user: User): boolean {
    if (!this.#moving.has(user) || !this.#isElsewhere(user)) return false;
    this.#release(user);
    return true;
  }

  /** Releases the users whose time is over. */
  tick(): void {
    const { now } = this.#context;
    for (const [user, deadline] of this.#moving) if (now >= deadline) this.#release(user);
  }

  /** Handles that this server did not run for so many milliseconds. */
  slept(ms: number): void {
    for (const [user, deadline] of this.#moving) this.#moving.set(user, deadline + ms);
  }

  /** Returns whether another server has the same session. */
  #isElsewhere({ name, session }: User): boolean {
    for (const { server, user } of this.#directory.find(name)) {
      const elsewhere = server !== this.#context.id && user.session === session;
      if (elsewhere && this.#topology.reaches(server)) return true;
    }
    return false;
  }
}
