/**
 * The users of this server. Owns their registration, who keeps a name that two users ask for, and which
 * connections belong to users. Knows nothing about messages.
 *
 * @module
 */
import {
  checkUserName,
  ErrorCode,
  type Frame,
  invariant,
  NetlabError,
  NIL_UUID,
  UserKind,
  type UserRecord,
  writeHeartbeat,
  writeSessionWelcome,
} from "@netlab/protocol/codec";
import {
  type Directory,
  isAboutAsOld,
  isSameUser,
  keepsName,
  type Location,
} from "../mesh/directory.ts";
import type { Locations } from "../mesh/locations.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection/connection.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Topology } from "../mesh/topology/topology.ts";
import { Claims } from "./claims.ts";
import { User, type UserRegistration } from "./user.ts";

/** How long the announcement of a moved session may take to arrive from another server: milliseconds. */
const MOVE_MS = 2_000;
/** A session is dead after this silence: milliseconds. Its client sends a request every 15 s. */
const SILENT_MS = 45_000;
/** How often the registry looks for silent sessions: milliseconds. */
const CHECK_EVERY_MS = 5_000;
/** How often a session that sends gets a heartbeat: milliseconds. */
const HEARTBEAT_EVERY_MS = 1_000;
/** When a name that two users kept is decided by their keys: milliseconds. */
const DISPUTE_MS = 2_000;

/** A legacy client that waits until its name is free. */
interface Waiting {
  readonly registration: UserRegistration;
  /** The end of the wait: milliseconds since 1970. */
  readonly deadline: number;
}

/** The users of one server. */
export class UserRegistry {
  /** Whether the server refuses new users because it is about to leave. */
  closed = false;
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #locations: Locations;
  readonly #topology: Topology;
  readonly #mesh: Mesh;
  readonly #onChange: (name: string) => void;
  readonly #users = new Map<string, User>();
  readonly #claims: Claims;
  /**
   * Names that users of several servers have, although that should have been decided, and when to decide
   * it: milliseconds since 1970.
   */
  readonly #disputed = new Map<string, number>();
  /**
   * Users whose session is moving to another server, and when they are released at the latest:
   * milliseconds since 1970.
   */
  readonly #moving = new Map<User, number>();
  readonly #waiting = new Map<Connection, Waiting>();
  #checkedAt = 0;
  #beatAt = 0;

  /**
   * Creates an empty registry.
   *
   * @param onChange Called with the name of every user of this server who joins or leaves.
   */
  constructor(
    context: Context,
    directory: Directory,
    locations: Locations,
    topology: Topology,
    mesh: Mesh,
    onChange: (name: string) => void,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#locations = locations;
    this.#topology = topology;
    this.#mesh = mesh;
    this.#onChange = onChange;
    this.#claims = new Claims(
      context,
      mesh,
      (name) => this.#users.get(name),
      (name, server) => locations.isHeldAt(name, server),
      (user) => this.#evict(user, "another session asked for the name and this one did not answer"),
    );
  }

  /** Returns the user of this server with this name. */
  get(name: string): User | undefined {
    return this.#users.get(name);
  }

  /** The number of users of this server. */
  get count(): number {
    return this.#users.size;
  }

  /** Returns all users of this server. */
  local(): Iterable<User> {
    return this.#users.values();
  }

  /**
   * Registers the user of a connection. If another user holds the name, that user is asked for a sign of
   * life first, wherever it is connected. A legacy client whose name is taken by another one waits, because
   * its user may have just left another server whose announcement is still in flight.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.NameTaken} if another user has the name,
   *   {@linkcode ErrorCode.NameInvalid} if nobody may register it,
   *   {@linkcode ErrorCode.AlreadyRegistered} if the connection is registered,
   *   {@linkcode ErrorCode.ServerClosing} if the server is about to leave.
   */
  register(connection: Connection, registration: UserRegistration): void {
    const { name, session } = registration;
    if (!connection.isUnregistered) {
      const { party } = connection;
      const as = party instanceof User ? party.name : "a server";
      throw new NetlabError(
        ErrorCode.AlreadyRegistered,
        `Cannot register as ${name}: this connection is registered as ${as}`,
      );
    }
    if (this.closed) {
      throw new NetlabError(
        ErrorCode.ServerClosing,
        `Cannot register as ${name}: the server ${this.#context.address} is leaving`,
      );
    }
    checkUserName(name);
    // The answer to the first request is on its way.
    if (this.#claims.of(name)?.connection === connection) return;
    this.#claims.withdraw(connection);
    const kind = session === NIL_UUID ? UserKind.LegacyClient : UserKind.Session;
    const record: UserRecord = { name, kind, session, since: Math.floor(this.#context.now) };
    let holder: Location | undefined;
    let isNew = true;
    for (const other of this.#locations.holders(name)) {
      if (isSameUser(other.user, record)) {
        record.since = Math.min(record.since, other.user.since);
        isNew = false;
      } // A session that moves is at two servers: the newer location is asked.
      else if (!holder || other.order > holder.order) holder = other;
    }
    if (holder) return this.#claim(connection, holder, registration);
    const alike = isNew ? this.#locations.lookAlike(name) : undefined;
    if (alike) {
      throw taken(name, this.#addressOf(alike.server), connection.readsText, "a name like it");
    }
    this.#admit(connection, registration, record);
  }

  /** Removes the user of a connection that has ended. */
  leave(connection: Connection): void {
    this.#claims.withdraw(connection);
    this.#waiting.delete(connection);
    const { party } = connection;
    if (!(party instanceof User)) return;
    this.#moving.delete(party);
    if (this.#users.get(party.name) !== party) return;
    this.#users.delete(party.name);
    this.#context.logger.info("{user} left", { event: "user.left", user: party.name });
    this.#publishRemoval(party.name);
    this.#admitWaiting(party.name);
  }

  /**
   * Handles a user who signs off. A user whose session is moving stays until another server announces the
   * session, for two seconds at most. Until then, messages still reach the user here.
   *
   * @param moves Whether the session moves to another server.
   */
  signOff(user: User, moves: boolean): void {
    const { connection } = user;
    if (moves && !this.#isElsewhere(user)) {
      this.#moving.set(user, this.#context.now + MOVE_MS);
      return;
    }
    this.leave(connection);
    if (moves) connection.end();
    else connection.unregister();
  }

  /** Records that a user of this server is alive. A claim to the user's name is then refused. */
  heard(user: User): void {
    this.#claims.heard(user);
  }

  /** Handles a frame of another server about a claim: subtype `Claim` or `Held` of type 8. */
  claimed(from: Connection, frame: Frame): void {
    this.#claims.received(from, frame);
  }

  /** Decides claims and disputes, removes silent sessions, and sends heartbeats. */
  tick(): void {
    const now = this.#context.now;
    if (now - this.#beatAt >= HEARTBEAT_EVERY_MS) this.#sendHeartbeats();
    this.#claims.tick();
    for (const [name, deadline] of this.#disputed) {
      if (now < deadline) continue;
      this.#disputed.delete(name);
      this.#resolve(name, true);
    }
    for (const [connection, { registration, deadline }] of this.#waiting) {
      if (now < deadline) continue;
      this.#registerAgain(connection, registration);
      this.#waiting.delete(connection);
    }
    for (const [user, deadline] of this.#moving) if (now >= deadline) this.#release(user);
    if (now - this.#checkedAt < CHECK_EVERY_MS) return;
    this.#checkedAt = now;
    for (const user of this.#users.values()) {
      const { connection, readsText } = user;
      if (!readsText && !connection.isPaused && now - connection.heardAt > SILENT_MS) {
        this.#evict(user, "the session was silent for too long");
      }
    }
  }

  /**
   * Resolves conflicts after servers have found each other. If two users have one name, the older keeps
   * it, if it is alive. The other receives an error and is removed.
   */
  resolve(names: Iterable<string>): void {
    for (const name of names) {
      this.#admitWaiting(name);
      this.#resolve(name, false);
    }
  }

  /** @param byKey Whether keys decide between users who have the name for about the same time. */
  #resolve(name: string, byKey: boolean): void {
    const user = this.#users.get(name);
    const own = user && this.#directory.at(this.#context.id, name);
    if (!own) return;
    if (this.#moving.has(user) && this.#isElsewhere(user)) return this.#release(user);
    const here = { server: this.#context.id, user: own };
    for (const other of this.#locations.holders(name)) {
      if (other.server === here.server || isSameUser(other.user, own)) continue;
      const isYounger = !keepsName(here, other, byKey);
      if (isYounger && !this.#claims.of(name)) return this.#yield(user, other);
      // The other server may think so as well, if the clocks were compared inexactly.
      if (isYounger || isAboutAsOld(own, other.user)) {
        this.#disputed.set(name, this.#context.now + DISPUTE_MS);
      }
    }
  }

  /** Handles that this server did not run for so many milliseconds. */
  slept(ms: number): void {
    this.#claims.slept(ms);
    for (const [user, deadline] of this.#moving) this.#moving.set(user, deadline + ms);
  }

  /**
   * Sends a heartbeat to each session that reads them and from which something has arrived since the last one. A client whose
   * requests wait behind its own data on a slow link thus knows that the server is alive.
   */
  #sendHeartbeats(): void {
    const now = this.#beatAt = this.#context.now;
    for (const { connection, readsHeartbeats, out } of this.#users.values()) {
      if (!readsHeartbeats || connection.heardAt <= connection.aliveAt || out.length > 0) continue;
      connection.aliveAt = now;
      writeHeartbeat(out);
    }
  }

  /** Removes a user of this server whose name an older user holds, unless that one shows no sign of life. */
  #yield(user: User, holder: Location): void {
    const { name } = user;
    const refused = () => {
      if (this.#users.get(name) !== user) return;
      this.#users.delete(name);
      this.#publishRemoval(name);
      user.connection.sendError(taken(name, this.#addressOf(holder.server), true));
      this.#context.logger.warn("removed {user}: an older session holds the name", {
        event: "user.evicted",
        user: name,
      });
    };
    const released = () => this.#resolve(name, false);
    if (!this.#claims.make(name, holder, { refused, released })) refused();
  }

  /** Registers the first client that waits for a name if the name is free. */
  #admitWaiting(name: string): void {
    for (const [connection, { registration }] of this.#waiting) {
      if (registration.name !== name || !this.#locations.isFree(name)) continue;
      this.#waiting.delete(connection);
      this.#registerAgain(connection, registration);
      return;
    }
  }

  #registerAgain(connection: Connection, registration: UserRegistration): void {
    try {
      this.register(connection, registration);
    } catch (error) {
      connection.sendError(error as NetlabError);
    }
  }

  #release({ connection }: User): void {
    this.leave(connection);
    connection.end();
  }

  /** Returns whether another server has the same session. */
  #isElsewhere({ name, session }: User): boolean {
    for (const { server, user } of this.#directory.find(name)) {
      const elsewhere = server !== this.#context.id && user.session === session;
      if (elsewhere && this.#topology.reaches(server)) return true;
    }
    return false;
  }

  #claim(connection: Connection, holder: Location, registration: UserRegistration): void {
    const { name } = registration;
    const { readsText } = connection;
    const error = taken(name, this.#addressOf(holder.server), readsText);
    const claimant = {
      connection,
      refused: () => connection.sendError(error),
      released: () => this.#registerAgain(connection, registration),
    };
    if (this.#claims.make(name, holder, claimant)) return;
    if (readsText && !this.#waiting.has(connection)) {
      this.#waiting.set(connection, { registration, deadline: this.#context.now + MOVE_MS });
    } else throw error;
  }

  #admit(connection: Connection, registration: UserRegistration, record: UserRecord): void {
    const { name } = registration;
    const before = this.#users.get(name);
    if (before) {
      this.#claims.heard(before);
      this.#moving.delete(before);
      before.connection.unregister();
      before.connection.sendError(
        new NetlabError(
          ErrorCode.Replaced,
          `Cannot go on as ${name}: the session has registered on another connection`,
          { fatal: true },
        ),
      );
    }
    invariant(connection.isUnregistered, "a connection has one user");
    const user = new User(connection, registration);
    connection.party = user;
    this.#users.set(name, user);
    this.#mesh.publish(this.#directory.add(record));
    this.#onChange(name);
    if (!user.readsText) {
      const { id: server, address } = this.#context;
      writeSessionWelcome(user.out, { server, address, name });
    }
    this.#context.logger.info("{user} joined", { event: "user.joined", user: name });
  }

  #evict({ name, connection }: User, why: string): void {
    this.leave(connection);
    this.#context.logger.info("removed {user}: {why}", {
      event: "user.evicted",
      user: name,
      why,
    });
    connection.abort();
  }

  #publishRemoval(name: string): void {
    const change = this.#directory.remove(name);
    if (change) this.#mesh.publish(change);
    this.#onChange(name);
  }

  #addressOf(server: string): string {
    return server === this.#context.id
      ? this.#context.address
      : this.#topology.get(server)?.address ?? "another server";
  }
}

/**
 * Creates the error for a name that is taken. A session may choose another name on the same connection.
 * The connection of a legacy client cannot, so it closes.
 */
function taken(name: string, where: string, fatal: boolean, what = "the name"): NetlabError {
  return new NetlabError(
    ErrorCode.NameTaken,
    `Cannot register as ${name}: ${what} is taken by a user on ${where}; choose another`,
    { fatal },
  );
}
