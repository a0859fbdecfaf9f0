/**
 * The signs of life between this server and its sessions. Owns when a session gets a heartbeat, and when it
 * counts as dead. Does not know how users are removed.
 *
 * @module
 */
import { writeHeartbeat } from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import type { User } from "./user.ts";

/** A session is dead after this silence: milliseconds. Its client sends a request every 15 s. */
const SILENT_MS = 45_000;
/** How often silent sessions are looked for: milliseconds. */
const CHECK_EVERY_MS = 5_000;
/** How often a session that sends gets a heartbeat: milliseconds. */
const HEARTBEAT_EVERY_MS = 1_000;

/** Watches the sessions of one server. */
export class SessionWatch {
  readonly #context: Context;
  readonly #users: ReadonlyMap<string, User>;
  readonly #onSilent: (user: User) => void;
  #checkedAt = 0;
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

  /**
   * Sends a heartbeat to each session that reads them and from which something has arrived since the last one,
   * when the next ones are due. A client whose requests wait behind its own data on a slow link thus knows that
   * the server is alive.
   */
  sendHeartbeats(): void {
    const { now } = this.#context;
    if (now - this.#beatAt < HEARTBEAT_EVERY_MS) return;
    this.#beatAt = now;
    for (const { connection, readsHeartbeats, out } of this.#users.values()) {
      if (!readsHeartbeats || connection.heardAt <= connection.aliveAt || out.length > 0) continue;
      connection.aliveAt = now;
      writeHeartbeat(out);
    }
  }

  /** Looks for silent sessions, when the next look is due. */
  findSilent(): void {
    const { now } = this.#context;
    if (now - this.#checkedAt < CHECK_EVERY_MS) return;
    this.#checkedAt = now;
    for (const user of this.#users.values()) {
      const { connection, readsText } = user;
      if (!readsText && !connection.isPaused && now - connection.heardAt > SILENT_MS) {
        this.#onSilent(user);
      }
    }
  }
}
