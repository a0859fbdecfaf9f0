/**
 * The users of this server and of all others, with a version for each server's list. Owns how snapshots
 * and changes are merged. Knows neither connections nor routes.
 *
 * @module
 */
import {
  MAX_SIGNED_USERS_PER_FRAME,
  MAX_USERS_PER_FRAME,
  type PresenceChanges,
  type PresenceSnapshot,
  type PresenceVersion,
  UserKind,
  userNameFault,
  type UserRecord,
} from "@netlab/protocol/codec";
import { type Logger, silentLogger } from "../logger.ts";
import { LIMITS } from "../limits.ts";
import { LocatedNames } from "./locations/located_names.ts";
import { isAboutAsOld } from "./locations/same_name.ts";

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
export const MAX_PARTS: number = Math.ceil(
  LIMITS.maxRemoteUsers.default / MAX_SIGNED_USERS_PER_FRAME,
);

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
  readonly #logger: Logger;
  readonly #limits: DirectoryLimits;
  /** The names that were reported. */
  readonly #refused = new Set<string>();
  readonly #servers = new Map<string, ServerUsers>();
  readonly #partials = new Map<string, Partial>();
  /** Where the users are whose names can be used. */
  readonly located: LocatedNames;
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
    this.located = new LocatedNames(onMoved);
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

  /** Returns how many users of one server are known. */
  usersAt(server: string): number {
    return this.#servers.get(server)?.users.size ?? 0;
  }

  /** Returns the user with this name at one server. */
  at(server: string, name: string): UserRecord | undefined {
    return this.#servers.get(server)?.users.get(name);
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

  /**
   * Returns the users of one server as a snapshot, in as many parts as it needs frames.
   *
   * @param most How many users a frame has at most.
   */
  *snapshot(server: string, most: number = MAX_USERS_PER_FRAME): Iterable<PresenceSnapshot> {
    const known = this.#servers.get(server);
    if (!known || known.version < 0) return;
    const all = [...known.users.values()];
    // Users may join and leave before the last part is needed.
    const { version } = known;
    const parts = Math.max(1, Math.ceil(all.length / most));
    for (let part = 0; part < parts; part++) {
      const users = all.slice(part * most, (part + 1) * most);
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
    for (const name of this.#servers.get(server)?.users.keys() ?? []) {
      this.located.remove(name, server);
    }
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
      this.located.remove(user.name, server);
    } else if (users.has(user.name) || server === this.#self || this.#hasRoomAt(known)) {
      users.set(user.name, user);
      this.#locate(user, server, this.located.at(user.name, server)?.order);
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
    for (const name of before?.keys() ?? []) {
      if (!after.has(name)) this.located.remove(name, server);
    }
    this.#servers.set(server, { version, users: after });
    this.#size += after.size - (before?.size ?? 0);
    for (const user of users) {
      const known = this.located.at(user.name, server);
      const isNews = known?.user.session !== user.session || !isAboutAsOld(known.user, user);
      this.#locate(user, server, isNews ? undefined : known.order);
    }
  }

  #locate(user: UserRecord, server: string, order: number | undefined): void {
    if (this.accepts(user.name)) this.located.put(user, server, order);
  }
}
