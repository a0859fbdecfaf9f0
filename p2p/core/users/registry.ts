/**
 * The users of this server. Owns their registration, and which connections belong to users. Knows nothing about
 * messages. `claims.ts` and `conflicts.ts` own who keeps a name that two users ask for.
 *
 * @module
 */
import {
  checkUserName,
  type Frame,
  type Happening,
  invariant,
  type NetlabError,
  NIL_UUID,
  type ProtectedName,
  UserKind,
  type UserRecord,
  withoutTls,
  writeProtection,
  writeSessionWelcome,
} from "@netlab/protocol/codec";
import { sessionIdOf } from "@netlab/protocol/session-id";
import type { Directory } from "../mesh/directory.ts";
import type { Location } from "../mesh/locations/located_names.ts";
import { isSameUser } from "../mesh/locations/same_name.ts";
import type { ProtectedNames } from "../dedup/protected_names.ts";
import type { Locations } from "../mesh/locations/locations.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection/connection.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";
import type { Topology } from "../mesh/topology/topology.ts";
import { Claims } from "./claims.ts";
import { Conflicts } from "./conflicts.ts";
import { Moves } from "./moves.ts";
import {
  isProtected,
  leaving,
  registeredAlready,
  replaced,
  taken,
  tooManyProtected,
} from "./refusals.ts";
import { SessionWatch } from "./session_watch.ts";
import { User, type UserRegistration } from "./user.ts";
import { WaitingClients } from "./waiting_clients.ts";

/** A registration takes as long as so many small frames. */
const REGISTRATION_UNITS = 16;

/** The users of one server. */
export class UserRegistry {
  /** Whether the server refuses new users because it is about to leave. */
  closed = false;
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #locations: Locations;
  readonly #topology: Topology;
  readonly #mesh: ServerNetwork;
  readonly #protected: ProtectedNames;
  readonly #onChange: (name: string) => void;
  readonly #users = new Map<string, User>();
  readonly #claims: Claims;
  readonly #conflicts: Conflicts;
  readonly #moves: Moves;
  readonly #waiting: WaitingClients;
  readonly #watch: SessionWatch;
  /** The connections whose names are being reserved. */
  readonly #reserving = new Set<Connection>();

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
    mesh: ServerNetwork,
    protectedNames: ProtectedNames,
    onChange: (name: string) => void,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#locations = locations;
    this.#topology = topology;
    this.#mesh = mesh;
    this.#protected = protectedNames;
    this.#onChange = onChange;
    this.#claims = new Claims(
      context,
      mesh,
      (name) => this.#users.get(name),
      (name, server) => locations.isHeldAt(name, server),
      (user) => this.#evict(user, "another session asked for the name and this one did not answer"),
      (user, server) => this.#moves.proven(user, server),
    );
    this.#moves = new Moves(context, directory, topology, this.#claims, {
      left: (user) => this.#release(user),
      elsewhere: ({ name }) => this.#publishRemoval(name),
      back: ({ name }, record) => {
        this.#mesh.publish(this.#directory.add(record));
        this.#onChange(name);
      },
    });
    this.#conflicts = new Conflicts(context, {
      directory,
      locations,
      testimony: mesh.testimony,
      claims: this.#claims,
      moves: this.#moves,
      userOf: (name) => this.#users.get(name),
      remove: (user, holder) => this.#yield(user, holder),
    });
    this.#waiting = new WaitingClients(
      context,
      locations,
      (connection, registration) => this.#registerAgain(connection, registration),
    );
    this.#watch = new SessionWatch(
      context,
      this.#users,
      (user) => this.#evict(user, "the session was silent for too long"),
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
   * Where the network decides who has a name, it is reserved first, and the connection gets the errors below later.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.NameTaken} if another user has the name,
   *   {@linkcode ErrorCode.NameInvalid} if nobody may register it,
   *   {@linkcode ErrorCode.NameProtected} if it is protected by another secret,
   *   {@linkcode ErrorCode.AlreadyRegistered} if the connection is registered,
   *   {@linkcode ErrorCode.ServerClosing} if the server is about to leave.
   */
  register(connection: Connection, registration: UserRegistration): void {
    const { name, key } = registration;
    connection.charge(REGISTRATION_UNITS);
    const session = sessionIdOf(key);
    if (!connection.isUnregistered) {
      const { party } = connection;
      const as = party instanceof User ? party.name : "a server";
      throw registeredAlready(name, as);
    }
    if (this.closed) throw leaving(name, this.#context.address);
    checkUserName(name);
    const { id, now } = this.#context;
    if (!this.#protected.admits(name, id, session, registration.signature, now)) {
      throw isProtected(name, connection.readsText);
    }
    // The answer to the first request is on its way.
    if (this.#claims.of(name)?.connection === connection || this.#reserving.has(connection)) return;
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
    this.#reserve(connection, registration, record);
  }

  /** Removes the user of a connection that has ended. */
  leave(connection: Connection): void {
    this.#leave(connection, "");
  }

  /** Removes the user of a connection. `reason` says why the server does so; empty if the user has left. */
  #leave(connection: Connection, reason: string): void {
    this.#reserving.delete(connection);
    this.#claims.withdraw(connection);
    this.#waiting.delete(connection);
    const { party } = connection;
    if (!(party instanceof User)) return;
    this.#moves.end(party);
    this.#watch.left(party);
    if (this.#users.get(party.name) !== party) return;
    this.#users.delete(party.name);
    this.#context.logger.info("{user} left", { event: "user.left", user: party.name });
    const server = this.#moves.placeOf(party);
    this.#record(
      server === undefined
        ? { kind: "left", user: party.name, reason }
        : { kind: "moved", user: party.name, server },
    );
    this.#publishRemoval(party.name);
    this.#waiting.admit(party.name);
  }

  /**
   * Handles a user who signs off. A user whose session is moving stays until another server announces the
   * session, for two seconds at most. Until then, messages still reach the user here.
   *
   * @param moves Whether the session moves to another server.
   */
  signOff(user: User, moves: boolean): void {
    const { connection } = user;
    if (moves && this.#moves.begin(user)) return;
    this.leave(connection);
    if (moves) connection.end();
    else connection.unregister();
  }

  /**
   * Protects the name of a user of this server with the key in `record`, changes the key, or drops it. The answer
   * repeats the record.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.NameProtected} if it is not signed with the key that protects the
   *   name, {@linkcode ErrorCode.StorageFull} if too many names are protected.
   */
  protect({ name, out }: User, record: ProtectedName): void {
    const taken = record.name === name
      ? this.#protected.take(record, true, this.#context.now)
      : "refused";
    if (taken === "refused") throw isProtected(record.name);
    if (taken === "full") throw tooManyProtected(name);
    if (taken === "added") this.#mesh.publishProtected(record);
    writeProtection(out, record);
  }

  /** Records that a user of this server is alive. A claim to the user's name is then refused. */
  heard(user: User): void {
    this.arrived(user);
    this.#claims.heard(user);
  }

  /** Records that something has arrived from a user of this server, at least a part of a frame. */
  arrived(user: User): void {
    this.#watch.arrived(user);
  }

  /** Handles a claim of another server, which came on a connection, or was signed by the server with an id. */
  claimed(from: Connection | string, frame: Frame): void {
    if (typeof from === "string") this.#claims.stated(from, frame);
    else this.#claims.received(from, frame);
  }

  /** Decides claims and disputes, removes silent sessions, and sends heartbeats. */
  tick(): void {
    this.#watch.sendHeartbeats();
    this.#claims.tick();
    this.#conflicts.tick();
    this.#waiting.tick();
    this.#moves.tick();
    this.#watch.findSilent();
  }

  /**
   * Resolves conflicts after servers have found each other. If two users have one name, the older keeps
   * it, if it is alive. The other receives an error and is removed.
   */
  resolve(names: Iterable<string>): void {
    for (const name of names) {
      this.#waiting.admit(name);
      this.#conflicts.resolve(name);
    }
  }

  /** Handles that this server did not run for so many milliseconds. */
  slept(ms: number): void {
    this.#claims.slept(ms);
    this.#moves.slept(ms);
  }

  /** Removes a user of this server whose name an older user holds. */
  #yield({ name, connection }: User, holder: Location): void {
    this.#users.delete(name);
    this.#publishRemoval(name);
    connection.sendError(taken(name, this.#addressOf(holder.server), true));
    this.#context.logger.warn("removed {user}: an older session holds the name", {
      event: "user.evicted",
      user: name,
    });
    this.#record({ kind: "left", user: name, reason: "an older session holds the name" });
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
    if (!readsText || !this.#waiting.add(connection, registration)) throw error;
  }

  /** Admits a user once the network has reserved the name. */
  #reserve(connection: Connection, registration: UserRegistration, record: UserRecord): void {
    this.#reserving.add(connection);
    this.#mesh.reserve(record, (reason) => {
      const isWaiting = this.#reserving.delete(connection);
      if (reason === undefined) {
        if (isWaiting && !this.closed) return this.#admit(connection, registration, record);
        this.#mesh.release(record);
      }
      if (!isWaiting) return;
      if (this.closed) connection.sendError(leaving(record.name, this.#context.address));
      else if (reason === "taken") {
        // The directory usually knows by now who has it, and that user is asked for a sign of life.
        if (!this.#locations.isFree(record.name)) this.#registerAgain(connection, registration);
        else connection.sendError(taken(record.name, "another server", connection.readsText));
      } else if (reason) connection.sendError(reason);
    });
  }

  #admit(connection: Connection, registration: UserRegistration, record: UserRecord): void {
    const { name } = registration;
    const before = this.#users.get(name);
    if (before) {
      this.#claims.heard(before);
      this.#moves.end(before);
      before.connection.unregister();
      before.connection.sendError(replaced(name));
    }
    invariant(connection.isUnregistered, "a connection has one user");
    const user = new User(connection, registration);
    connection.party = user;
    this.#users.set(name, user);
    this.#watch.joined(user);
    if (before) this.#watch.left(before);
    connection.charge(this.#mesh.peerCount);
    this.#mesh.publish(this.#directory.add(record));
    this.#onChange(name);
    this.#moves.arrived(user);
    if (!user.readsText) {
      const { id: server, address } = this.#context;
      // Older clients cannot read an address with `tls://`, and cannot use TLS either.
      const readable = connection.isEncrypted ? address : withoutTls(address);
      writeSessionWelcome(user.out, { server, address: readable, name });
    }
    this.#context.logger.info("{user} joined", { event: "user.joined", user: name });
    this.#record({ kind: "joined", user: name });
  }

  #record(happening: Happening): void {
    this.#context.events.add(happening, this.#context.now);
  }

  #evict({ name, connection }: User, why: string): void {
    this.#leave(connection, why);
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
