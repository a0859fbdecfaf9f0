/**
 * The signs of life between this server and its sessions. Owns when a session gets a heartbeat, and when it
 * counts as dead. Looks only at users for whom something is due, however many there are. Does not know how users
 * are removed.
 *
 * @module
 */
import { writeHeartbeat } from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import { DueTimes } from "../mailbox/due_times.ts";
import type { User } from "./user.ts";

/** A session is dead after this silence: milliseconds. Its client sends a request every 15 s. */
const SILENT_MS = 45_000;
/** How much later that may be noticed: milliseconds. */
const SILENT_STEP_MS = 1_000;
/** How often a session that sends gets a heartbeat: milliseconds. */
const HEARTBEAT_EVERY_MS = 1_000;

/** Watches the sessions of one server. */
export class SessionWatch {
  readonly #context: Context;
  readonly #users: ReadonlyMap<string, User>;
  readonly #onSilent: (user: User) => void;
  /** The sessions from which something has arrived since the last heartbeats. */
  #active: User[] = [];
  /** When each session will have been silent for too long, unless something arrives. */
  readonly #due = new DueTimes<User>(SILENT_STEP_MS);
  #beatAt = 0;

  /**
   * Creates a watch.
   *
   * @param users The users of this server.
   * @param onSilent Called with a user whose session is dead.
   */
  constructor(
    context: Context,
    users: ReadonlyMap<string, User>,
    onSilent: (user: User) => void,
  ) {
    this.#context = context;
    this.#users = users;
    this.#onSilent = onSilent;
  }

  /** Watches a user who has joined. */
  joined(user: User): void {
    if (!user.readsText) this.#due.set(user, this.#context.now + SILENT_MS);
  }

  /** Stops to watch a user. */
  left(user: User): void {
    this.#due.delete(user);
  }

  /** Records that something has arrived from a user, at least a part of a frame. */
  arrived(user: User): void {
    if (user.isActive || !user.readsHeartbeats) return;
    user.isActive = true;
    this.#active.push(user);
  }

  /**
   * Sends a heartbeat to each session that reads them and from which something has arrived since the last one,
   * when the next ones are due. A client whose requests wait behind its own data on a slow link thus knows that
   * the server is alive.
   */
  sendHeartbeats(): void {
    const { now } = this.#context;
    if (now - this.#beatAt < HEARTBEAT_EVERY_MS) return;
    this.#beatAt = now;
    const users = this.#active;
    this.#active = [];
    for (const user of users) {
      const { connection, out, name } = user;
      user.isActive = false;
      if (connection.heardAt <= connection.aliveAt || out.length > 0) continue;
      if (this.#users.get(name) !== user) continue;
      connection.aliveAt = now;
      writeHeartbeat(out);
    }
  }

  /** Looks for silent sessions among those for whom a look is due. */
  findSilent(): void {
    const { now } = this.#context;
    for (const user of this.#due.take(now)) {
      const { connection, name } = user;
      if (this.#users.get(name) !== user) continue;
      // While a connection is not read, its silence means nothing.
      const isRead = !connection.isPaused && !connection.transport.isHeld;
      if (isRead && now - connection.heardAt > SILENT_MS) this.#onSilent(user);
      else this.#due.set(user, (isRead ? connection.heardAt : now) + SILENT_MS);
    }
  }
}
