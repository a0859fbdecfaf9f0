/**
 * The names that users of several servers have. Owns which of the users keeps the name. Does not know how users
 * are registered or removed.
 *
 * @module
 */
import type { Context } from "../host.ts";
import type { Directory } from "../mesh/directory.ts";
import type { Location } from "../mesh/locations/located_names.ts";
import { isAboutAsOld, isSameUser, keepsName } from "../mesh/locations/same_name.ts";
import type { Locations } from "../mesh/locations/locations.ts";
import type { Testimony } from "../mesh/topology/testimony.ts";
import type { Claims } from "./claims.ts";
import type { Moves } from "./moves.ts";
import type { User } from "./user.ts";

/** When a name that two users kept is decided by their keys: milliseconds. */
const DISPUTE_MS = 2_000;

/** When a server gives a name up to a server that its operator has named, and that does not believe it: milliseconds. */
const JOIN_MS = 6_000;

/** What {@linkcode Conflicts} uses. */
export interface ConflictParts {
  /** The users of all servers. */
  readonly directory: Directory;
  /** Where they are. */
  readonly locations: Locations;
  /** Which servers are believed. */
  readonly testimony: Testimony;
  /** Asks users for a sign of life. */
  readonly claims: Claims;
  /** The users who are moving away. */
  readonly moves: Moves;
  /** Returns the user of this server with a name. */
  userOf(name: string): User | undefined;
  /** Removes a user of this server whose name an older user holds. */
  remove(user: User, holder: Location): void;
}

/** The conflicts about the names of one server's users. */
export class Conflicts {
  readonly #context: Context;
  readonly #parts: ConflictParts;
  /**
   * Names that users of several servers have, although that should have been decided, and when to decide
   * it: milliseconds since 1970.
   */
  readonly #disputed = new Map<string, number>();

  /** When the conflict about a disputed name began: milliseconds since 1970. */
  readonly #begun = new Map<string, number>();

  /** Creates an empty list. */
  constructor(context: Context, parts: ConflictParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * Resolves the conflict about a name, if there is one. If two users have it, the older keeps it, if it is
   * alive. The other is removed.
   */
  resolve(name: string): void {
    this.#resolve(name, false);
  }

  /** Decides the names that two users kept. */
  tick(): void {
    for (const [name, deadline] of this.#disputed) {
      if (this.#context.now < deadline) continue;
      this.#disputed.delete(name);
      this.#resolve(name, true);
      if (!this.#disputed.has(name)) this.#begun.delete(name);
    }
  }

  /** @param byKey Whether keys decide between users who have the name for about the same time. */
  #resolve(name: string, byKey: boolean): void {
    const { userOf, directory, locations, claims, moves, testimony } = this.#parts;
    const user = userOf(name);
    const own = user && directory.at(this.#context.id, name);
    if (!own || moves.settle(user)) return;
    const here = { server: this.#context.id, user: own };
    for (const other of locations.holders(name)) {
      if (other.server === here.server || isSameUser(other.user, own)) continue;
      if (!testimony.isBelievedOnAge(other.server, own.since)) continue;
      const isGiven = testimony.isGiven(other.server);
      // That server may not believe this one, which has joined its network.
      const isJoining = isGiven && this.#context.now - this.#begunAt(name) >= JOIN_MS;
      const isYounger = isJoining || !keepsName(here, other, byKey);
      if (isYounger && !claims.of(name)) return this.#yield(user, other);
      // The other server may think so as well, if the clocks were compared inexactly.
      if (isYounger || isGiven || isAboutAsOld(own, other.user)) {
        this.#disputed.set(name, this.#context.now + DISPUTE_MS);
      }
    }
  }

  /** Returns when the conflict about a name began: milliseconds since 1970. */
  #begunAt(name: string): number {
    const known = this.#begun.get(name);
    if (known === undefined) this.#begun.set(name, this.#context.now);
    return known ?? this.#context.now;
  }

  /** Removes a user of this server whose name an older user holds, unless that one shows no sign of life. */
  #yield(user: User, holder: Location): void {
    const { name } = user;
    const { userOf, claims, remove } = this.#parts;
    const refused = () => {
      if (userOf(name) === user) remove(user, holder);
    };
    const released = () => this.#resolve(name, false);
    if (!claims.make(name, holder, { refused, released })) refused();
  }
}
