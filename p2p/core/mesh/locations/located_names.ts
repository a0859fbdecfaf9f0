/**
 * Where the users with each name are: at which servers, and which place was known first. Also finds names that look
 * alike. Does not know how the servers tell each other.
 *
 * @module
 */
import { nameSkeleton, type UserRecord } from "@netlab/protocol/codec";

/** A user at one server. */
export interface Location {
  /** The server's id. */
  server: string;
  /** The user there. */
  user: UserRecord;
  /** Which of several locations of a name was known first: the one with the lowest number. */
  order: number;
}

/**
 * An element of the linked list of one name's locations. There are few of them, and a list needs less
 * memory than a map.
 */
interface Entry extends Location {
  next: Entry | undefined;
}

/** The locations of all names. */
export class LocatedNames {
  readonly #onMoved: (name: string) => void;
  readonly #entries = new Map<string, Entry>();
  /** The names with a skeleton that differs from them, by skeleton. There are few. */
  readonly #bySkeleton = new Map<string, Set<string>>();
  #order = 0;

  /**
   * Starts without names.
   *
   * @param onMoved Called with each name whose locations changed, before anything else learns of it.
   */
  constructor(onMoved: (name: string) => void) {
    this.#onMoved = onMoved;
  }

  /** The number of names. */
  get size(): number {
    return this.#entries.size;
  }

  /** Returns whether any location of a name is known. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Returns all known locations of a name. */
  *find(name: string): Iterable<Location> {
    for (let entry = this.#entries.get(name); entry; entry = entry.next) yield entry;
  }

  /** Returns the location of a name at one server. */
  at(name: string, server: string): Location | undefined {
    return this.#entryAt(name, server);
  }

  /** Returns the other names with known locations that look like this one. */
  *lookAlikes(name: string): Iterable<string> {
    const skeleton = nameSkeleton(name);
    if (skeleton !== name && this.has(skeleton)) yield skeleton;
    for (const other of this.#bySkeleton.get(skeleton) ?? []) if (other !== name) yield other;
  }

  /**
   * Adds a location, or replaces the one at the same server.
   *
   * @param order Its order. By default, it is known later than all others.
   */
  put(user: UserRecord, server: string, order: number = ++this.#order): void {
    const known = this.#entryAt(user.name, server);
    if (known) {
      known.user = user;
      known.order = order;
    } else {
      const entry: Entry = { server, user, order, next: undefined };
      const last = this.#lastEntry(user.name);
      if (last) last.next = entry;
      else {
        this.#entries.set(user.name, entry);
        this.#index(user.name);
      }
    }
    this.#onMoved(user.name);
  }

  /** Removes the location of a name at one server. */
  remove(name: string, server: string): void {
    let before: Entry | undefined;
    for (let entry = this.#entries.get(name); entry; before = entry, entry = entry.next) {
      if (entry.server !== server) continue;
      if (before) before.next = entry.next;
      else if (entry.next) this.#entries.set(name, entry.next);
      else {
        this.#entries.delete(name);
        this.#unindex(name);
      }
      break;
    }
    this.#onMoved(name);
  }

  #index(name: string): void {
    const skeleton = nameSkeleton(name);
    if (skeleton === name) return;
    const names = this.#bySkeleton.get(skeleton);
    if (names) names.add(name);
    else this.#bySkeleton.set(skeleton, new Set([name]));
  }

  #unindex(name: string): void {
    const skeleton = nameSkeleton(name);
    const names = this.#bySkeleton.get(skeleton);
    if (names?.delete(name) && names.size === 0) this.#bySkeleton.delete(skeleton);
  }

  #entryAt(name: string, server: string): Entry | undefined {
    let entry = this.#entries.get(name);
    while (entry && entry.server !== server) entry = entry.next;
    return entry;
  }

  #lastEntry(name: string): Entry | undefined {
    let entry = this.#entries.get(name);
    while (entry?.next) entry = entry.next;
    return entry;
  }
}
