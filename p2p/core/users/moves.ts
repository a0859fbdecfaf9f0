/**
 * Sessions that move from one server to another. Owns when a server gives up a session that has registered at
 * another one: its own user says so, the other server proves it, or the user shows no sign of life. Another
 * server's word alone never ends a session.
 *
 * @module
 */
import type { UserRecord } from "@netlab/protocol/codec";
import { isSecretKey } from "@netlab/protocol/session-id";
import type { Context } from "../host.ts";
import type { Directory } from "../mesh/directory.ts";
import type { Topology } from "../mesh/topology/topology.ts";
import type { Claims } from "./claims.ts";
import type { User } from "./user.ts";

/** How long the announcement of a moved session may take to arrive from another server: milliseconds. */
export const MOVE_MS = 2_000;
/** How often a session that has come here is proven to the server where it was: milliseconds. */
const PROVE_EVERY_MS = 1_000;
/** For how long: milliseconds. Frames are lost while routes change. */
const PROVE_MS = 5_000;

/** A session that leaves this server. */
interface Departure {
  /** When it is over at the latest: milliseconds since 1970. */
  deadline: number;
  /** What this server announced of it until another server proved that it has the session. */
  readonly record?: UserRecord;
}

/** A session that has come to this server. */
interface Arrival {
  /** When it is proven next: milliseconds since 1970. */
  proveAt: number;
  /** When its old server is not told any more: milliseconds since 1970. */
  readonly until: number;
}

/** What follows from a move. */
export interface MoveEvents {
  /** The session has left: removes its user and ends its connection. */
  left(user: User): void;
  /** The session is at another server: no longer announces the user, whose connection stays for a while. */
  elsewhere(user: User): void;
  /** The session is at no other server after all: announces the user again. */
  back(user: User, record: UserRecord): void;
}

/** The moves of the sessions of one server. */
export class Moves {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #topology: Topology;
  readonly #claims: Claims;
  readonly #events: MoveEvents;
  readonly #leaving = new Map<User, Departure>();
  readonly #arriving = new Map<User, Arrival>();
  /** Users whose session another server announces, and when to ask them for a sign of life: milliseconds since 1970. */
  readonly #doubtful = new Map<User, number>();

  /** Creates an empty collection. */
  constructor(
    context: Context,
    directory: Directory,
    topology: Topology,
    claims: Claims,
    events: MoveEvents,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#topology = topology;
    this.#claims = claims;
    this.#events = events;
  }

  /**
   * Keeps the user of a session that has signed off until another server announces the session, for two seconds
   * at most.
   *
   * @returns Whether the user is kept. If not, another server has the session already.
   */
  begin(user: User): boolean {
    if (this.isElsewhere(user)) return false;
    this.#leaving.set(user, { deadline: this.#context.now + MOVE_MS });
    return true;
  }

  /** Handles a session that has registered here. The servers where it was get the proof. */
  arrived(user: User): void {
    if (!isSecretKey(user.key) || !this.isElsewhere(user)) return;
    const { now } = this.#context;
    this.#arriving.set(user, { proveAt: now, until: now + PROVE_MS });
    this.#prove();
  }

  /** Handles the proof of another server, by its id, that the session of a user has registered there. */
  proven(user: User, server: string): void {
    const record = this.#directory.at(this.#context.id, user.name);
    // Its announcement may come on another route. It proves this again after a second.
    if (!record || this.#directory.at(server, user.name)?.session !== user.session) return;
    if (this.#leaving.has(user)) return this.#events.left(user);
    this.#leaving.set(user, { deadline: this.#context.now + MOVE_MS, record });
    this.#events.elsewhere(user);
  }

  /** Handles news of the sessions with the name of a user. Returns whether the user has left because of them. */
  settle(user: User): boolean {
    if (!this.isElsewhere(user)) return false;
    if (this.#leaving.has(user)) {
      this.#events.left(user);
      return true;
    }
    if (!this.#doubtful.has(user)) this.#doubtful.set(user, this.#context.now + MOVE_MS);
    return false;
  }

  /** Forgets a user who has left this server, or who has registered on another connection. */
  end(user: User): void {
    this.#leaving.delete(user);
    this.#arriving.delete(user);
    this.#doubtful.delete(user);
  }

  /** Ends moves whose time is over, and asks users for a sign of life. */
  tick(): void {
    const { now } = this.#context;
    for (const [user, { deadline, record }] of this.#leaving) {
      if (now < deadline) continue;
      if (!record || this.isElsewhere(user)) this.#events.left(user);
      else {
        this.#leaving.delete(user);
        this.#events.back(user, record);
      }
    }
    for (const [user, askAt] of this.#doubtful) {
      if (now < askAt) continue;
      this.#doubtful.delete(user);
      const record = this.#directory.at(this.#context.id, user.name);
      if (!record || !this.isElsewhere(user)) continue;
      this.#claims.make(user.name, { server: this.#context.id, user: record }, NOBODY);
    }
    this.#prove();
  }

  /** Handles that this server did not run for so many milliseconds. */
  slept(ms: number): void {
    for (const departure of this.#leaving.values()) departure.deadline += ms;
  }

  /** Returns whether another server that can be reached has the same session. */
  isElsewhere(user: User): boolean {
    return this.placeOf(user) !== undefined;
  }

  /** Returns the id of another server that can be reached and has the same session. */
  placeOf(user: User): string | undefined {
    for (const server of this.#elsewhere(user)) return server;
  }

  *#elsewhere({ name, session }: User): Generator<string> {
    for (const { server, user } of this.#directory.located.find(name)) {
      const elsewhere = server !== this.#context.id && user.session === session;
      if (elsewhere && this.#topology.reaches(server)) yield server;
    }
  }

  #prove(): void {
    const { now } = this.#context;
    for (const [user, arrival] of this.#arriving) {
      if (now < arrival.proveAt) continue;
      arrival.proveAt = now + PROVE_EVERY_MS;
      const servers = [...this.#elsewhere(user)];
      if (servers.length === 0 || now >= arrival.until) this.#arriving.delete(user);
      for (const server of servers) this.#claims.prove(user, server);
    }
  }
}

/** Who asks for a sign of life without wanting the name. */
const NOBODY = { refused: () => {}, released: () => {} };
