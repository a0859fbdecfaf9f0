/**
 * The users of this server and of all others, with a version for each server's list. Owns how snapshots
 * and changes are merged, and which of two users keeps a name. Knows neither connections nor routes.
 *
 * @module
 */
import {
  MAX_USERS_PER_FRAME,
  nameSkeleton,
  type PresenceChanges,
  type PresenceSnapshot,
  type PresenceVersion,
  UserKind,
  userNameFault,
  type UserRecord,
} from "@netlab/protocol/codec";
import { type Logger, silentLogger } from "../logger.ts";

import { LIMITS } from "../limits.ts";

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

/**
 * The result of merging an update: it was applied, it was already known, or updates before it are
 * missing.
 */
export type Merge = "applied" | "old" | "gap";

/** How many refused names are remembered, so that each is reported once. */
const MAX_REPORTED = 1_000;

/** How many users of other servers are known. */
export interface DirectoryLimits {
  /** Of all servers together. */
  readonly maxRemoteUsers: number;
  /** Of one server. */
  readonly usersOfServer: number;
}

/** The most parts of a snapshot. */
const MAX_PARTS = Math.ceil(LIMITS.maxRemoteUsers.default / MAX_USERS_PER_FRAME);

interface ServerUsers {
  version: number;
  readonly users: Map<string, UserRecord>;
}

/** A snapshot that has not arrived completely. */
interface Partial {
  version: number;
  parts: Map<number, UserRecord[]>;
  /** The number of users in the parts. */
  size: number;
}

/** The users of all servers, as one server knows them. */
export class Directory {
  readonly #self: string;
  readonly #onMoved: (name: string) => void;
  readonly #logger: Logger;
  readonly #limits: DirectoryLimits;
  /** The names that were reported. */
  readonly #refused = new Set<string>();
  readonly #servers = new Map<string, ServerUsers>();
  readonly #partials = new Map<string, Partial>();
  readonly #entries = new Map<string, Entry>();
  /** The names with a skeleton that differs from them, by skeleton. There are few. */
  readonly #bySkeleton = new Map<string, Set<string>>();
  #order = 0;
  /** The number of users of other servers, including those of incomplete snapshots. */
  #size = 0;

  /**
   * Creates an empty directory for the server with the id `self`.
   *
   * @param onMoved Called with each name whose locations changed, before anything else learns of it.
   * @param logger Gets each name that {@linkcode Directory.accepts} refuses, once.
   * @param limits How many users of other servers are known, in all and of each server.
   */
  constructor(
    self: string,
    onMoved: (name: string) => void = () => {},
    logger: Logger = silentLogger,
    limits: { readonly [Name in keyof DirectoryLimits]?: number } = {},
  ) {
    this.#limits = {
      maxRemoteUsers: LIMITS.maxRemoteUsers.default,
      usersOfServer: LIMITS.usersOfServer.default,
      ...limits,
    };
    this.#self = self;
    this.#onMoved = onMoved;
    this.#logger = logger;
    this.#servers.set(self, { version: 0, users: new Map() });
  }

  /** Adds a user of this server. Returns the change for the other servers. */
  add(user: UserRecord): PresenceChanges {
    return this.#change(user);
  }

  /**
   * Removes a user of this server. Returns the change for the other servers, or `undefined` if there was
   * no such user.
   */
  remove(name: string): PresenceChanges | undefined {
    const user = this.#servers.get(this.#self)!.users.get(name);
    return user && this.#change({ ...user, kind: UserKind.Gone });
  }

  /**
   * Returns whether a user with this name may be shown and found. Older servers and legacy servers also have
   * users with names that could mislead people. Their records are passed on, but nobody can write to them
   * from here.
   */
  accepts(name: string): boolean {
    const reason = userNameFault(name);
    if (reason === undefined) return true;
    if (!this.#refused.has(name)) {
      if (this.#refused.size >= MAX_REPORTED) this.#refused.clear();
      this.#refused.add(name);
      this.#logger.warn("ignoring {user} of another server, whose name cannot be used: {reason}", {
        event: "user.ignored",
        user: name,
        reason,
      });
    }
    return false;
  }

  /** Returns the users of one server. */
  users(server: string): Iterable<UserRecord> {
    return this.#servers.get(server)?.users.values() ?? [];
  }

  /** Returns the user with this name at one server. */
  at(server: string, name: string): UserRecord | undefined {
    return this.#servers.get(server)?.users.get(name);
  }

  /** Returns whether any location of a name is known. */
  isLocated(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Returns the other names with known locations that look like this one. */
  *lookAlikes(name: string): Iterable<string> {
    const skeleton = nameSkeleton(name);
    if (skeleton !== name && this.isLocated(skeleton)) yield skeleton;
    for (const other of this.#bySkeleton.get(skeleton) ?? []) if (other !== name) yield other;
  }

  /** Returns all known locations of a name. */
  *find(name: string): Iterable<Location> {
    for (let entry = this.#entries.get(name); entry; entry = entry.next) yield entry;
  }

  /** Returns the known version of every server's users. */
  versions(): PresenceVersion[] {
    const versions: PresenceVersion[] = [];
    for (const [server, { version }] of this.#servers) {
      if (version >= 0) versions.push({ server, version });
    }
    return versions;
  }

  /** Returns the known version of one server's users; -1 if the server is unknown. */
  version(server: string): number {
    return this.#servers.get(server)?.version ?? -1;
  }

  /** Returns the users of one server as a snapshot, in as many parts as it needs frames. */
  *snapshot(server: string): Iterable<PresenceSnapshot> {
    const known = this.#servers.get(server);
    if (!known || known.version < 0) return;
    const all = [...known.users.values()];
    // Users may join and leave before the last part is needed.
    const { version } = known;
    const parts = Math.max(1, Math.ceil(all.length / MAX_USERS_PER_FRAME));
    for (let part = 0; part < parts; part++) {
      const users = all.slice(part * MAX_USERS_PER_FRAME, (part + 1) * MAX_USERS_PER_FRAME);
      yield { server, version, part, parts, users };
    }
  }

  /**
   * Merges changes of another server's users. Changes that are already known have no effect.
   *
   * @returns `gap` if earlier changes are missing. The server must then ask for a snapshot.
   */
  applyChanges({ server, version, changes }: PresenceChanges): Merge {
    const known = this.#servers.get(server);
    const expected = (known?.version ?? -1) + 1;
    if (server === this.#self || version + changes.length <= expected) return "old";
    if (!this.hasRoomFor(server)) return "old";
    if (!known || known.version < 0 || version > expected) return "gap";
    for (const user of changes.slice(expected - version)) this.#put(server, known, user);
    return "applied";
  }

  /**
   * Merges one part of a snapshot.
   *
   * @returns `applied` if this was the last missing part of a newer snapshot, `gap` while parts are
   *   missing.
   */
  applySnapshot({ server, version, part, parts, users }: PresenceSnapshot): Merge {
    if (server === this.#self || version <= this.version(server)) return "old";
    // Nobody sends several parts of which one is empty.
    if (parts > MAX_PARTS || (parts > 1 && users.length === 0)) return "old";
    if (!this.hasRoomFor(server)) return "old";
    let partial = this.#partials.get(server);
    if (!partial || partial.version < version) {
      this.#dropPartial(server);
      partial = { version, parts: new Map(), size: 0 };
      this.#partials.set(server, partial);
    }
    if (partial.version > version) return "old";
    if (!partial.parts.has(part)) {
      const room = Math.min(
        // The users that the snapshot replaces make room for it.
        this.#limits.maxRemoteUsers - this.#size + (this.#servers.get(server)?.users.size ?? 0),
        this.#limits.usersOfServer - partial.size,
      );
      const kept = users.slice(0, Math.max(0, room));
      partial.parts.set(part, kept);
      partial.size += kept.length;
      this.#size += kept.length;
    }
    if (partial.parts.size < parts) return "gap";
    this.#dropPartial(server);
    this.#replace(server, version, [...partial.parts.values()].flat());
    return "applied";
  }

  #dropPartial(server: string): void {
    this.#size -= this.#partials.get(server)?.size ?? 0;
    this.#partials.delete(server);
  }

  /** Returns whether the users of a server are known, at least in part, or may be added. */
  hasRoomFor(server: string): boolean {
    return this.#servers.has(server) || this.#partials.has(server) ||
      this.#servers.size + this.#partials.size < LIMITS.servers.default;
  }

  /** Returns the ids of the servers of which users are known, at least in part. */
  servers(): Set<string> {
    return new Set([...this.#servers.keys(), ...this.#partials.keys()]);
  }

  /** Forgets the version of a server's users: the next snapshot replaces them. */
  doubt(server: string): void {
    const known = this.#servers.get(server);
    if (known) known.version = -1;
    this.#partials.delete(server);
  }

  /** Forgets a server and its users. */
  forget(server: string): void {
    for (const name of this.#servers.get(server)?.users.keys() ?? []) this.#unlocate(name, server);
    this.#size -= this.#servers.get(server)?.users.size ?? 0;
    this.#servers.delete(server);
    this.#dropPartial(server);
  }

  #change(user: UserRecord): PresenceChanges {
    const own = this.#servers.get(this.#self)!;
    this.#put(this.#self, own, user);
    return { server: this.#self, version: own.version, changes: [user] };
  }

  #put(server: string, known: ServerUsers, user: UserRecord): void {
    const { users } = known;
    const before = users.size;
    known.version++;
    if (user.kind === UserKind.Gone) {
      users.delete(user.name);
      this.#unlocate(user.name, server);
    } else if (users.has(user.name) || server === this.#self || this.#hasRoomAt(known)) {
      users.set(user.name, user);
      this.#locate(user, server, this.#entryAt(user.name, server)?.order ?? ++this.#order);
    }
    if (server !== this.#self) this.#size += users.size - before;
  }

  /** Whether one more user of another server may be added. */
  #hasRoomAt({ users }: ServerUsers): boolean {
    const { maxRemoteUsers, usersOfServer } = this.#limits;
    return this.#size < maxRemoteUsers && users.size < usersOfServer;
  }

  #replace(server: string, version: number, users: readonly UserRecord[]): void {
    const before = this.#servers.get(server)?.users;
    const after = new Map(users.map((user) => [user.name, user]));
    for (const name of before?.keys() ?? []) if (!after.has(name)) this.#unlocate(name, server);
    this.#servers.set(server, { version, users: after });
    this.#size += after.size - (before?.size ?? 0);
    for (const user of users) {
      const known = this.#entryAt(user.name, server);
      const isNews = known?.user.session !== user.session || !isAboutAsOld(known.user, user);
      this.#locate(user, server, isNews ? ++this.#order : known.order);
    }
  }

  #locate(user: UserRecord, server: string, order: number): void {
    if (!this.accepts(user.name)) return;
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

  #unlocate(name: string, server: string): void {
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

/**
 * Returns whether two users with one name are the same user: one session while it moves between servers,
 * or a legacy user whom several servers list.
 */
export function isSameUser(a: UserRecord, b: UserRecord): boolean {
  if (a.kind !== b.kind) return false;
  return a.kind === UserKind.OnLegacyServer ||
    (a.kind === UserKind.Session && a.session === b.session);
}

/**
 * Returns whether a user holds the name. The list of a legacy server is only a hint: a legacy server
 * never forgets a name, so the user may be elsewhere.
 */
export function holdsName({ kind }: UserRecord): boolean {
  return kind !== UserKind.OnLegacyServer;
}

/**
 * Users who took a name within this time count as equally old: milliseconds. Servers compare their clocks
 * when they link, and are wrong by the time that the frame with the clock takes to arrive.
 */
const SAME_TIME_MS = 5_000;

/** Returns whether two servers may disagree about which of two users is older. */
export function isAboutAsOld(a: UserRecord, b: UserRecord): boolean {
  return Math.abs(a.since - b.since) <= SAME_TIME_MS;
}

/**
 * Returns whether `a` keeps the name that both users have. The older user keeps it.
 *
 * @param byKey Whether keys decide between users who are about equally old. All servers then decide in the
 *   same way.
 */
export function keepsName(
  a: Omit<Location, "order">,
  b: Omit<Location, "order">,
  byKey = false,
): boolean {
  const ms = a.user.since - b.user.since;
  if (ms !== 0 && !(byKey && isAboutAsOld(a.user, b.user))) return ms < 0;
  return a.user.session + a.server < b.user.session + b.server;
}
