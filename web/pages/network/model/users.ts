/**
 * The users of all servers. Owns the list: who is where, in which order, and who matches a search. Does not know how it
 * was learned.
 *
 * @module
 */
import type { UserStatus } from "@netlab/protocol/codec";

/** The most users that are kept. */
export const MAX_USERS = 20_000;

/** A user. */
export interface KnownUser {
  /** The name. */
  readonly name: string;
  /** The id of the server where the user is. */
  readonly server: string;
  /** Since when the user has had the name: milliseconds since 1970. */
  readonly since: number;
}

const { compare } = new Intl.Collator("en", { numeric: true });

/** The users of a network. */
export class Users {
  /** Grows with every change. */
  version = 0;
  /** About how many users there are. */
  total = 0;
  #users = new Map<string, KnownUser>();
  #sorted: readonly KnownUser[] | undefined;
  #byServer: ReadonlyMap<string, readonly KnownUser[]> | undefined;
  /** The complete list that is being read. */
  #next: Map<string, KnownUser> | undefined;
  /** Who has joined, left or moved while it was read. */
  readonly #meanwhile = new Map<string, KnownUser | undefined>();

  /** Begins to read a complete list. */
  begin(): void {
    this.#next = new Map();
    this.#meanwhile.clear();
  }

  /** Adds a page of the complete list. */
  page(users: readonly UserStatus[], total: number, now: number): void {
    this.total = total;
    const next = this.#next;
    if (!next) return;
    for (const { name, server, sinceMs } of users) {
      if (next.size < MAX_USERS) next.set(name, { name, server, since: now - sinceMs });
    }
    // The first list is shown while it grows.
    if (next.size > this.#users.size) this.#show(new Map(next));
  }

  /** Whether no more users are kept. */
  get isFull(): boolean {
    return (this.#next ?? this.#users).size >= MAX_USERS;
  }

  /** Ends the complete list: who is not on it is gone. */
  end(): void {
    const next = this.#next;
    if (!next) return;
    for (const [name, user] of this.#meanwhile) {
      if (user) next.set(name, user);
      else next.delete(name);
    }
    if (next.size < MAX_USERS) this.total = next.size;
    if (!isSame(this.#users, next)) this.#show(next);
    this.#next = undefined;
  }

  /** Handles a user who has joined a server. */
  joined(name: string, server: string, since: number): void {
    const isNew = !this.#users.has(name);
    if (isNew && this.#users.size >= MAX_USERS) return;
    if (isNew) this.total++;
    this.#set(name, { name, server, since });
  }

  /** Handles a user who has left a server: not one who is at another one by now. */
  left(name: string, server: string): void {
    if (this.#users.get(name)?.server !== server) return;
    this.total--;
    this.#set(name, undefined);
  }

  /** Returns a user. */
  get(name: string): KnownUser | undefined {
    return this.#users.get(name);
  }

  /** How many users are kept. */
  get size(): number {
    return this.#users.size;
  }

  /** The users by the ids of their servers, in the order in which they were learned. */
  get byServer(): ReadonlyMap<string, readonly KnownUser[]> {
    return this.#byServer ??= Map.groupBy(this.#users.values(), ({ server }) => server);
  }

  /**
   * Returns the users whose names contain a text, in the order of their names.
   *
   * @param server If it is given, only those of this server.
   */
  search(text: string, server?: string): readonly KnownUser[] {
    this.#sorted ??= [...this.#users.values()].sort((a, b) => compare(a.name, b.name));
    const wanted = searchable(text);
    if (wanted === "" && server === undefined) return this.#sorted;
    return this.#sorted.filter((user) =>
      (server === undefined || user.server === server) && searchable(user.name).includes(wanted)
    );
  }

  #set(name: string, user: KnownUser | undefined): void {
    if (user) this.#users.set(name, user);
    else this.#users.delete(name);
    if (this.#next) this.#meanwhile.set(name, user);
    this.#changed();
  }

  #show(users: Map<string, KnownUser>): void {
    this.#users = users;
    this.#changed();
  }

  #changed(): void {
    this.version++;
    this.#sorted = this.#byServer = undefined;
  }
}

/** Converts text so that the case does not matter, and how letters are composed. */
export function searchable(text: string): string {
  return text.trim().normalize("NFC").toLowerCase();
}

function isSame(a: ReadonlyMap<string, KnownUser>, b: ReadonlyMap<string, KnownUser>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, { server }] of b) if (a.get(name)?.server !== server) return false;
  return true;
}
