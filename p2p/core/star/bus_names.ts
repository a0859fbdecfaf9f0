/**
 * The names of all users in the table that all servers see. Owns who has a name: the first who writes it, until
 * that user leaves or the user's server is gone. Does not know how others reach a user.
 *
 * @module
 */
import { ErrorCode, NetlabError, UserKind, type UserRecord } from "@netlab/protocol/codec";
import { isSameUser, keepsName } from "../mesh/locations/same_name.ts";
import type { NotReserved } from "../mesh/server_network.ts";
import type { Bus, Entry, Written } from "./bus.ts";
import { keyOf, readUser, type UserEntry, writeValue } from "./entries.ts";

/** How long a name may take to be reserved: milliseconds. A client waits five seconds. */
const RESERVE_MS = 4_000;

/** What {@linkcode BusNames} needs to know. */
export interface NameEvents {
  /** The id of this server. */
  readonly self: string;
  /** Returns whether a server, by its id, can be reached. */
  reaches(server: string): boolean;
  /** Returns whether a server, by its id, is gone, so that others may take the names of its users. */
  isGone(server: string): boolean;
  /** A user of another server has joined, left or moved. */
  moved(name: string, before: UserEntry | undefined, now: UserEntry | undefined): void;
}

/** What the table says about a name. */
interface Known {
  readonly user: UserEntry | undefined;
  readonly revision: number;
}

/** Another user of this server who asks for a name. */
interface Next {
  readonly user: UserRecord;
  readonly done: (reason?: NotReserved) => void;
}

/** A name that this server wants to have, or not any more. */
interface Wanted {
  /** The user who is to have it; `undefined` to give it back. */
  user: UserRecord | undefined;
  /** Called when the name is reserved or not; `undefined` once it was called. */
  done: ((reason?: NotReserved) => void) | undefined;
  /** Others at this server who ask for the name meanwhile. */
  readonly next: Next[];
  /** When it must be reserved: milliseconds since 1970. */
  until: number;
  isWriting: boolean;
}

/** The names of all users. */
export class BusNames {
  readonly #bus: Bus;
  readonly #events: NameEvents;
  readonly #known = new Map<string, Known>();
  /** The names of this server's users, and those that it gives back. */
  readonly #wanted = new Map<string, Wanted>();
  /** Those of them of which the table says something else. */
  readonly #open = new Set<string>();
  #now = 0;

  /** Begins with an empty table. */
  constructor(bus: Bus, events: NameEvents) {
    this.#bus = bus;
    this.#events = events;
  }

  /** Reserves a name. */
  reserve(user: UserRecord, now: number, done: (reason?: NotReserved) => void): void {
    this.#now = now;
    const before = this.#wanted.get(user.name);
    if (before?.done) return void before.next.push({ user, done });
    this.#want(user.name, user, done);
  }

  /** Gives back the name of a user who was not admitted. */
  release({ name, session }: UserRecord): void {
    const wanted = this.#wanted.get(name);
    if (wanted?.user?.session === session) this.#want(name, undefined);
  }

  /** Writes what a user of this server is now; a user of the kind `Gone` has left. */
  publish(user: UserRecord, now: number): void {
    this.#now = now;
    if (user.kind === UserKind.OnLegacyServer) return;
    this.#want(user.name, user.kind === UserKind.Gone ? undefined : user);
  }

  /** Takes note of an entry. */
  changed(name: string, { value, revision }: Entry): void {
    const before = this.#known.get(name);
    // The order in which entries come counts: after a failure of the bus, revisions may not grow.
    if (before?.revision === revision) return;
    const user = value && readUser(value);
    if (user) this.#known.set(name, { user, revision });
    // The revision of a deleted entry matters to those only who write it now.
    else if (this.#wanted.has(name)) this.#known.set(name, { user: undefined, revision });
    else this.#known.delete(name);
    this.#events.moved(name, before?.user, user);
    // It was written although nobody waited for it any more. Later entries may say so already.
    if (user?.server === this.#events.self && !this.#wanted.has(name)) this.#open.add(name);
    this.#settle(name);
  }

  /** Tries again what could not be written, and gives up what takes too long. */
  tick(now: number): void {
    this.#now = now;
    for (const name of [...this.#open]) {
      const wanted = this.#wanted.get(name);
      if (!wanted) this.#want(name, undefined);
      else if (wanted.done && now >= wanted.until) this.#refuse(name, wanted, unreachable(name));
      else this.#settle(name);
    }
  }

  /** Removes the users of a server that is gone, a few at a time. Returns whether none is left. */
  forget(server: string, most: number): boolean {
    let count = 0;
    for (const [name, { user, revision }] of this.#known) {
      if (user?.server !== server || this.#wanted.has(name)) continue;
      if (++count > most) break;
      this.#bus.write(keyOf("user", name), undefined, revision, () => {});
    }
    return count === 0;
  }

  #want(name: string, user: UserRecord | undefined, done?: Wanted["done"]): void {
    const before = this.#wanted.get(name);
    const until = this.#now + RESERVE_MS;
    this.#open.add(name);
    if (before) {
      // What is being written is judged when the answer comes.
      before.user = user;
      before.done = done ?? before.done;
      if (done) before.until = until;
    } else this.#wanted.set(name, { user, done, next: [], until, isWriting: false });
    this.#settle(name);
  }

  /** Writes what is wanted, unless the table says so already or another user has the name. */
  #settle(name: string): void {
    const wanted = this.#wanted.get(name);
    if (!wanted || wanted.isWriting) return;
    const { self } = this.#events;
    const known = this.#known.get(name);
    const holder = known?.user;
    const { user } = wanted;
    if (!user) {
      if (holder?.server !== self) return void this.#forgetWish(name);
      return this.#write(name, wanted, undefined, known!.revision);
    }
    if (holder && holder.server !== self) {
      const isSame = isSameUser({ name, ...holder }, user);
      if (wanted.done) {
        if (!isSame && !this.#events.isGone(holder.server)) {
          // It is about to be known whether that server is gone.
          if (this.#events.reaches(holder.server)) this.#refuse(name, wanted, "taken");
          return;
        }
      } else {
        // The session has moved there; or the other user is older, and the core removes this one.
        const there = { server: holder.server, user: { name, ...holder } };
        if (isSame || !keepsName({ server: self, user }, there)) {
          return void this.#open.delete(name);
        }
      }
    } else if (holder && holder.session === user.session && holder.since === user.since) {
      this.#open.delete(name);
      return this.#answer(wanted);
    }
    this.#open.add(name);
    this.#write(name, wanted, { server: self, ...withoutName(user) }, known?.revision ?? 0);
  }

  #write(name: string, wanted: Wanted, user: UserEntry | undefined, revision: number): void {
    wanted.isWriting = true;
    const value = user && writeValue(user);
    this.#bus.write(keyOf("user", name), value, revision, (written: Written) => {
      if (typeof written === "object") {
        wanted.isWriting = false;
        return this.#note(name, user, written.revision);
      }
      // What fails may have been written all the same.
      this.#bus.read(keyOf("user", name), (entry) => {
        wanted.isWriting = false;
        if (entry) return this.#read(name, entry, revision);
        if (written === "failed" && wanted.done) this.#refuse(name, wanted, unreachable(name));
      });
    });
  }

  /** @param tried The revision that the entry does not have. */
  #read(name: string, entry: Entry, tried: number): void {
    const known = this.#known.get(name);
    const isNews = !known || entry.revision > known.revision || known.revision === tried;
    // The bus may have lost an entry that was there. Then it takes one that is new.
    if (known && entry.revision === 0) this.#known.set(name, { user: known.user, revision: 0 });
    else if (isNews) {
      const user = entry.value && readUser(entry.value);
      this.#known.set(name, { user, revision: entry.revision });
      this.#events.moved(name, known?.user, user);
    }
    // Otherwise the next tick tries again.
    if (entry.revision !== tried) this.#settle(name);
  }

  #note(name: string, user: UserEntry | undefined, revision: number): void {
    const before = this.#known.get(name);
    if (before && before.revision >= revision) return this.#settle(name);
    this.#known.set(name, { user, revision });
    this.#events.moved(name, before?.user, user);
    this.#settle(name);
  }

  /** Tells those who wait for a name whether it is reserved. */
  #answer(wanted: Wanted, reason?: NotReserved): void {
    const { done } = wanted;
    if (!done) return;
    wanted.done = undefined;
    done(reason);
    for (const next of wanted.next.splice(0)) {
      if (wanted.user && !reason) next.done("taken");
      else this.reserve(next.user, this.#now, next.done);
    }
  }

  /** Does not reserve a name. What may be written later is taken back. */
  #refuse(name: string, wanted: Wanted, reason: NotReserved): void {
    wanted.user = undefined;
    this.#answer(wanted, reason);
    this.#settle(name);
  }

  #forgetWish(name: string): void {
    this.#wanted.delete(name);
    this.#open.delete(name);
    const known = this.#known.get(name);
    if (known && !known.user) this.#known.delete(name);
  }
}

function withoutName({ kind, session, since }: UserRecord): Omit<UserRecord, "name"> {
  return { kind, session, since };
}

function unreachable(name: string): NetlabError {
  return new NetlabError(
    ErrorCode.NetworkUnreachable,
    `Cannot register ${name}: the server cannot reach NATS, which knows who has the name; try again later`,
  );
}
