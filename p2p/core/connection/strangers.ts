/**
 * The connections that have not registered, and how many connections each host has. Owns their limits, and how many
 * frames a connection may send before it registers. Does not know who registers.
 *
 * @module
 */
import { ErrorCode, isLoopbackHost, NetlabError } from "@netlab/protocol/codec";
import type { Connection } from "./connection.ts";
import { LIMITS } from "../limits.ts";

/** The limits of {@linkcode Strangers}, as in `ServerLimits`. */
export interface StrangerLimits {
  /** The most connections from one host. */
  readonly maxConnectionsPerHost: number;
  /** The most connections that have not registered. */
  readonly maxUnregistered: number;
}

/** How long a new connection may take to register although there are too many: milliseconds. */
const REGISTER_MS = 1_000;
/** After so many milliseconds, a connection may send one more frame. */
const FRAME_MS = 10;
const SILENT_MS = LIMITS.unregisteredSeconds.default * 1_000;

/** Watches the connections that other parties have opened. */
export class Strangers {
  readonly #limits: StrangerLimits;
  /** When each one sent a frame last, in this order: milliseconds since 1970. Some have registered meanwhile. */
  readonly #heardAt = new Map<Connection, number>();
  /** How many connections each host has, except for this machine. */
  readonly #byHost = new Map<string, number>();

  /** Starts without connections. */
  constructor(limits: StrangerLimits) {
    this.#limits = limits;
  }

  /**
   * Adds a connection that was just opened. If there are too many, this closes one: the one that was silent for
   * longest, or this one if all are new.
   *
   * @param now The current time: milliseconds since 1970.
   */
  add(connection: Connection, now: number): void {
    const { maxConnectionsPerHost } = this.#limits;
    const host = hostOf(connection);
    if (host !== undefined) {
      const count = this.#byHost.get(host) ?? 0;
      this.#byHost.set(host, count + 1);
      if (count >= maxConnectionsPerHost) {
        return connection.sendError(tooMany(
          `${host} has ${maxConnectionsPerHost} connections, the server's limit; its operator can raise ` +
            "--max-connections-per-host",
        ));
      }
    }
    const one = this.#makeRoom(now) ? undefined : connection;
    if (one !== connection) this.#heardAt.set(connection, now);
    one?.sendError(this.#tooManyUnregistered());
  }

  /** Closes the connection that was silent for longest if there are too many. Returns whether there is room. */
  #makeRoom(now: number): boolean {
    const { maxUnregistered } = this.#limits;
    if (this.#heardAt.size < maxUnregistered) return true;
    for (const other of this.#heardAt.keys()) {
      if (!other.isUnregistered) this.#heardAt.delete(other);
    }
    if (this.#heardAt.size < maxUnregistered) return true;
    for (const [oldest, heardAt] of this.#heardAt) {
      // When a server fails, its users connect to others at once, and need a moment to register.
      if (now - heardAt < REGISTER_MS) return false;
      this.#heardAt.delete(oldest);
      oldest.sendError(this.#tooManyUnregistered());
      return true;
    }
    return false;
  }

  #tooManyUnregistered(): NetlabError {
    return tooMany(
      `${this.#limits.maxUnregistered} others have not registered either, the server's limit; its operator ` +
        "can raise --max-unregistered",
    );
  }

  /**
   * Records that a connection that has not registered has sent a frame.
   *
   * @param now The current time: milliseconds since 1970.
   * @throws {NetlabError} {@linkcode ErrorCode.TooManyFrames} if it has sent too many.
   */
  heard(connection: Connection, now: number): void {
    this.#heardAt.delete(connection);
    this.#heardAt.set(connection, now);
    connection.framesUntil = Math.max(connection.framesUntil, now) + FRAME_MS;
    const most = LIMITS.unregisteredFrames.default;
    if (connection.framesUntil - now <= most * FRAME_MS) return;
    throw new NetlabError(
      ErrorCode.TooManyFrames,
      `Cannot keep the connection: it has sent more than ${most} frames without registering`,
      { fatal: true },
    );
  }

  /** Handles the end of a connection. */
  closed(connection: Connection): void {
    this.#heardAt.delete(connection);
    const host = hostOf(connection);
    const count = host === undefined ? undefined : this.#byHost.get(host);
    if (count === undefined) return;
    if (count > 1) this.#byHost.set(host!, count - 1);
    else this.#byHost.delete(host!);
  }

  /**
   * Closes the connections that were silent for too long.
   *
   * @param now The current time: milliseconds since 1970.
   */
  tick(now: number): void {
    for (const [connection, heardAt] of this.#heardAt) {
      if (!connection.isUnregistered) this.#heardAt.delete(connection);
      else if (now - heardAt <= SILENT_MS) return;
      else {
        this.#heardAt.delete(connection);
        connection.close();
      }
    }
  }

  /**
   * Handles that this server did not run for a while: what was sent meanwhile has not been read.
   *
   * @param now The current time: milliseconds since 1970.
   */
  slept(now: number): void {
    for (const connection of this.#heardAt.keys()) this.#heardAt.set(connection, now);
  }
}

/** Returns the host of a connection if its connections are limited. */
function hostOf({ remoteHost }: Connection): string | undefined {
  return isLoopbackHost(remoteHost) ? undefined : remoteHost;
}

function tooMany(reason: string): NetlabError {
  const message = `Cannot keep the connection: ${reason}`;
  return new NetlabError(ErrorCode.TooManyConnections, message, { fatal: true });
}
