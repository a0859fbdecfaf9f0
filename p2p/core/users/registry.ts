/**
 * The users of this server: registering, leaving, and who keeps a name that two ask for. Owns the
 * connections that are users'; knows nothing of messages.
 *
 * @module
 */
import {
  ErrorCode,
  Information,
  NetlabError,
  NIL_UUID,
  UserKind,
  type UserRecord,
  writeInformationRequest,
  writeSessionWelcome,
} from "@netlab/protocol/codec";
import {
  type Directory,
  holdsName,
  isSameUser,
  keepsName,
  type Location,
} from "../mesh/directory.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Topology } from "../mesh/topology.ts";

/** How long the holder of a name has to show a sign of life when another asks for it: milliseconds. */
const SIGN_OF_LIFE_MS = 2_000;
/** How long the news that a session moved may take from server to server: milliseconds. */
const MOVE_MS = 2_000;
/** A session that sent nothing for this long is dead; its client asks something every 15 s. */
const SILENT_MS = 45_000;
/** How often silent sessions are looked for: milliseconds. */
const LOOK_EVERY_MS = 5_000;

/** Somebody who asks for a name that another holds. */
interface Claim {
  readonly connection: Connection;
  readonly session: string;
  readonly holder: Connection;
  readonly deadline: number;
}

/** The users of one server. */
export class Users {
  /** Whether the server takes no new users: it is about to leave. */
  closed = false;
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #topology: Topology;
  readonly #mesh: Mesh;
  readonly #onChange: (name: string) => void;
  readonly #connections = new Map<string, Connection>();
  readonly #claims = new Map<string, Claim>();
  readonly #moving = new Map<Connection, number>();
  /** Users of bare text who ask for a name that is still another's, and until when: milliseconds. */
  readonly #waiting = new Map<Connection, { name: string; deadline: number }>();
  #lookedAt = 0;

  /** Nobody yet; `onChange` hears of every user of this server who comes or goes. */
  constructor(
    context: Context,
    directory: Directory,
    topology: Topology,
    mesh: Mesh,
    onChange: (name: string) => void,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#topology = topology;
    this.#mesh = mesh;
    this.#onChange = onChange;
  }

  /** The connection of a user of this server. */
  get(name: string): Connection | undefined {
    return this.#connections.get(name);
  }

  /** How many users this server has. */
  get count(): number {
    return this.#connections.size;
  }

  /** The connections of all users of this server. */
  connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** Everyone who can be written to, here and on servers within reach, each name once. */
  names(): Set<string> {
    const names = new Set<string>();
    for (const server of [this.#context.id, ...this.#topology.routes().keys()]) {
      for (const user of this.#directory.users(server)) names.add(user.name);
    }
    return names;
  }

  /**
   * Where a user is: of several places of one session the newest, else the one with the cheapest way. A
   * place where somebody holds the name comes before what legacy servers list. `undefined` when nobody
   * of that name can be reached.
   */
  locate(name: string): Location | undefined {
    let nearest: Location | undefined;
    let cost = Infinity;
    for (const location of this.#within(name)) {
      const { server, user } = location;
      const its = server === this.#context.id ? 0 : this.#topology.route(server)!.cost;
      const holds = holdsName(user);
      const isBetter = nearest === undefined || holds !== holdsName(nearest.user)
        ? nearest === undefined || holds
        : user.kind === UserKind.Session && isSameUser(nearest.user, user)
        ? location.order > nearest.order
        : its < cost;
      if (!isBetter) continue;
      nearest = location;
      cost = its;
    }
    return nearest;
  }

  /**
   * The ids of all servers within reach that speak for a legacy user of that name, this one among them.
   * Several legacy servers may list a name, and only the user knows which of them is right.
   */
  *serversListing(name: string): Iterable<string> {
    for (const { server, user } of this.#within(name)) if (!holdsName(user)) yield server;
  }

  /** The places within reach where somebody holds the name. */
  *holders(name: string): Iterable<Location> {
    for (const location of this.#within(name)) if (holdsName(location.user)) yield location;
  }

  /**
   * Registers the user of a connection, or leaves that open until the holder of the name has had its
   * chance to show a sign of life. A user who reads bare text expects no answer, and may have signed
   * off elsewhere a moment ago: it waits for that news.
   *
   * @param session The session's key; the nil UUID for a user who reads bare text.
   * @throws {NetlabError} {@linkcode ErrorCode.NameTaken} when somebody else has the name,
   *   {@linkcode ErrorCode.ServerClosing} when the server is about to leave.
   */
  register(connection: Connection, name: string, session: string): void {
    if (connection.role !== "stranger") {
      throw new NetlabError(
        ErrorCode.AlreadyRegistered,
        `Cannot register as ${name}: this connection is registered as ${
          connection.name || "a server"
        }`,
      );
    }
    if (this.closed) {
      throw new NetlabError(
        ErrorCode.ServerClosing,
        `Cannot register as ${name}: the server ${this.#context.address} is leaving`,
      );
    }
    const kind = session === NIL_UUID ? UserKind.LegacyClient : UserKind.Session;
    const user: UserRecord = { name, kind, session, since: Math.floor(this.#context.now) };
    for (const other of this.holders(name)) {
      if (isSameUser(other.user, user)) user.since = Math.min(user.since, other.user.since);
      else return this.#claim(connection, other, session);
    }
    this.#admit(connection, user);
  }

  /** A connection has ended, or its user signed off. */
  leave(connection: Connection): void {
    for (const [name, claim] of this.#claims) {
      if (claim.connection === connection) this.#claims.delete(name);
    }
    this.#moving.delete(connection);
    this.#waiting.delete(connection);
    if (this.#connections.get(connection.name) !== connection) return;
    this.#connections.delete(connection.name);
    this.#context.logger.info("{user} left", { event: "user.left", user: connection.name });
    this.#publishRemoval(connection.name);
    this.#admitWaiting(connection.name);
  }

  /**
   * The user of a connection signs off. One that moves is let go when another server has told that the
   * session is there, at the latest after two seconds: until then, what comes for it still finds it.
   */
  signOff(connection: Connection, moves: boolean): void {
    if (moves && !this.#isElsewhere(connection)) {
      this.#moving.set(connection, this.#context.now + MOVE_MS);
      return;
    }
    this.leave(connection);
    if (moves) connection.end();
    else connection.role = "stranger";
  }

  /** Something came in on a connection: its user is alive. */
  heard(connection: Connection): void {
    const claim = this.#claims.get(connection.name);
    if (!claim || this.#connections.get(connection.name) !== connection) return;
    this.#claims.delete(connection.name);
    claim.connection.tell(
      taken(connection.name, this.#context.address, claim.connection.readsText),
    );
  }

  /** Decides claims whose time is up, and gives up sessions that are silent. */
  tick(): void {
    const now = this.#context.now;
    for (const [name, claim] of this.#claims) {
      if (now < claim.deadline) continue;
      this.#claims.delete(name);
      const { holder } = claim;
      // Whoever has come to the name since then was not asked yet: to register does it.
      if (this.#connections.get(name) === holder && !holder.held) {
        this.#evict(holder, "another session asked for its name, and it was silent");
      }
      this.#registerAgain(claim.connection, name, claim.session);
    }
    for (const [connection, { name, deadline }] of this.#waiting) {
      if (now < deadline) continue;
      this.#registerAgain(connection, name);
      this.#waiting.delete(connection);
    }
    for (const [connection, deadline] of this.#moving) if (now >= deadline) this.#letGo(connection);
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    for (const connection of this.#connections.values()) {
      if (
        connection.role === "session" && !connection.held && now - connection.heardAt > SILENT_MS
      ) {
        this.#evict(connection, "it was silent for too long");
      }
    }
  }

  /**
   * Looks at names after servers found each other: where two users have one, the older keeps it, and
   * the other is told and let go.
   */
  resolve(names: Iterable<string>): void {
    for (const name of names) {
      this.#admitWaiting(name);
      const connection = this.#connections.get(name);
      const own = connection && this.#directory.at(this.#context.id, name);
      if (!own) continue;
      if (this.#moving.has(connection) && this.#isElsewhere(connection)) this.#letGo(connection);
      const here = { server: this.#context.id, user: own };
      for (const other of this.holders(name)) {
        if (other.server === here.server) continue;
        if (isSameUser(other.user, own) || keepsName(here, other)) continue;
        this.#connections.delete(name);
        this.#publishRemoval(name);
        connection.tell(taken(name, this.#addressOf(other.server), true));
        this.#context.logger.warn("{user} had to go: an older session has the name", {
          event: "user.evicted",
          user: name,
        });
        break;
      }
    }
  }

  /** The names of this server's users. */
  localNames(): Iterable<string> {
    return this.#connections.keys();
  }

  /** The name may be free: the first of those who wait for it gets it. */
  #admitWaiting(wanted: string): void {
    for (const [connection, { name }] of this.#waiting) {
      if (name !== wanted || !this.isFree(name)) continue;
      this.#waiting.delete(connection);
      this.#registerAgain(connection, name);
      return;
    }
  }

  /** Whether nobody within reach holds the name. */
  isFree(name: string): boolean {
    return [...this.holders(name)].length === 0;
  }

  *#within(name: string): Iterable<Location> {
    for (const location of this.#directory.find(name)) {
      if (this.#topology.reaches(location.server)) yield location;
    }
  }

  #registerAgain(connection: Connection, name: string, session: string = NIL_UUID): void {
    try {
      this.register(connection, name, session);
    } catch (error) {
      connection.tell(error as NetlabError);
    }
  }

  #letGo(connection: Connection): void {
    this.leave(connection);
    connection.end();
  }

  /** Whether another server has the same session. */
  #isElsewhere(connection: Connection): boolean {
    for (const { server, user } of this.#directory.find(connection.name)) {
      const elsewhere = server !== this.#context.id && user.session === connection.session;
      if (elsewhere && this.#topology.reaches(server)) return true;
    }
    return false;
  }

  #claim(connection: Connection, other: Location, session: string): void {
    const { name } = other.user;
    const holder = other.server === this.#context.id ? this.#connections.get(name) : undefined;
    if (holder?.role !== "session" || holder.held || this.#claims.has(name)) {
      if (connection.readsText && !this.#waiting.has(connection)) {
        this.#waiting.set(connection, { name, deadline: this.#context.now + MOVE_MS });
        return;
      }
      throw taken(name, this.#addressOf(other.server), connection.readsText);
    }
    const deadline = this.#context.now + SIGN_OF_LIFE_MS;
    this.#claims.set(name, { connection, session, holder, deadline });
    writeInformationRequest(holder.out, Information.Capabilities);
  }

  #admit(connection: Connection, user: UserRecord): void {
    const before = this.#connections.get(user.name);
    if (before) {
      before.role = "stranger";
      before.tell(
        new NetlabError(
          ErrorCode.Replaced,
          `Cannot go on as ${user.name}: the session has registered on another connection`,
          { fatal: true },
        ),
      );
    }
    connection.role = user.kind === UserKind.Session ? "session" : "bare";
    connection.name = user.name;
    connection.session = user.session;
    this.#connections.set(user.name, connection);
    this.#mesh.publish(this.#directory.add(user));
    this.#onChange(user.name);
    if (connection.role === "session") {
      const { id: server, address } = this.#context;
      writeSessionWelcome(connection.out, { server, address, name: user.name });
    }
    this.#context.logger.info("{user} joined", { event: "user.joined", user: user.name });
  }

  #evict(connection: Connection, why: string): void {
    this.leave(connection);
    this.#context.logger.info("{user} had to go: {why}", {
      event: "user.evicted",
      user: connection.name,
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

/** A user who reads frames may choose another name on the same connection; for others it ends. */
function taken(name: string, where: string, fatal: boolean): NetlabError {
  return new NetlabError(
    ErrorCode.NameTaken,
    `Cannot register as ${name}: the name is taken by a user on ${where}; choose another`,
    { fatal },
  );
}
