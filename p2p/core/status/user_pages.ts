/**
 * Lists of users, in pages. A page is made once, when somebody needs it, from where the page before has ended, so
 * that no request looks at all users. Does not know who asks.
 *
 * @module
 */
import { MAX_USERS_PER_PAGE, type UserStatus } from "@netlab/protocol/codec";
import type { Location } from "../mesh/locations/located_names.ts";

/** How long a list is kept that nobody reads: milliseconds. */
const UNUSED_MS = 10_000;
/** A list is made anew at most once in the time in which a server could send it: users in a millisecond. */
const USERS_PER_MS = 100;

/** A page of users. */
export interface UserPage {
  /** The name after which the next page begins; empty on the last page. */
  readonly next: string;
  /** The users. */
  readonly users: readonly Omit<UserStatus, "sinceMs">[];
  /** When each of them took the name: milliseconds since 1970. */
  readonly since: readonly number[];
}

/** One list, of which some pages are made. */
class UserList {
  readonly madeAt: number;
  /** When a page of it was read last: milliseconds since 1970. */
  usedAt: number;
  readonly #rest: Iterator<Location>;
  readonly #pages: UserPage[] = [];
  /** The page that follows a name. */
  readonly #after = new Map<string, number>([["", 0]]);
  /** The first user who is not on a page; none after the last. */
  #next: Location | undefined;

  constructor(users: Iterable<Location>, madeAt: number) {
    this.madeAt = this.usedAt = madeAt;
    this.#rest = users[Symbol.iterator]();
    this.#advance();
  }

  /** How many users are on the pages that were made. */
  get size(): number {
    return this.#pages.length * MAX_USERS_PER_PAGE;
  }

  after(name: string, now: number): UserPage | undefined {
    const at = this.#after.get(name);
    if (at === undefined) return undefined;
    this.usedAt = now;
    return this.#pages[at] ??= this.#make(at);
  }

  #make(at: number): UserPage {
    const users: UserPage["users"][number][] = [];
    const since: number[] = [];
    for (; this.#next && users.length < MAX_USERS_PER_PAGE; this.#advance()) {
      const { server, user: { name, kind, since: then } } = this.#next;
      users.push({ name, server, kind });
      since.push(then);
    }
    const next = this.#next ? users.at(-1)!.name : "";
    if (this.#next) this.#after.set(next, at + 1);
    return { next, users, since };
  }

  #advance(): void {
    const { value, done } = this.#rest.next();
    this.#next = done ? undefined : value;
  }
}

/** The pages of one kind of list. */
export class UserPages {
  readonly #users: () => Iterable<Location>;
  #list: UserList | undefined;
  /** The list before, which somebody may still be reading. */
  #earlier: UserList | undefined;

  /**
   * Starts without pages.
   *
   * @param users Returns the users one by one. They are read as far as pages are needed.
   */
  constructor(users: () => Iterable<Location>) {
    this.#users = users;
  }

  /**
   * Returns a page.
   *
   * @param after The name at the end of the page before; empty for the first one.
   * @param now The current time: milliseconds since 1970.
   * @returns `undefined` if no page ends with that name any more.
   */
  after(after: string, now: number): UserPage | undefined {
    this.forget(now);
    const list = this.#list;
    if (after === "" && (!list || now - list.madeAt >= list.size / USERS_PER_MS)) {
      this.#earlier = list;
      this.#list = new UserList(this.#users(), now);
    }
    return this.#list?.after(after, now) ?? this.#earlier?.after(after, now);
  }

  /**
   * Forgets lists that nobody is likely to read to the end.
   *
   * @param now The current time: milliseconds since 1970.
   */
  forget(now: number): void {
    const isOld = (list: UserList | undefined) => list && now - list.usedAt > UNUSED_MS;
    if (isOld(this.#earlier)) this.#earlier = undefined;
    if (isOld(this.#list)) this.#list = undefined;
  }
}
