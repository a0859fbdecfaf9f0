/**
 * The requests for status that this server has forwarded and that are not answered yet, and how many each connection
 * may make. Owns their limits. Does not know what is asked.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol/codec";
import type { Connection } from "../connection/connection.ts";
import { LIMITS } from "../limits.ts";

/** How long an answer may take: milliseconds. */
const ANSWER_MS = 2_000;

/** A request that was forwarded. */
export interface WaitingRequest {
  /** Who has asked. */
  readonly asker: Connection;
  /** The number that the asker has given it. */
  readonly number: number;
  /** The subtype of the request. */
  readonly kind: number;
  /** To whom it was forwarded. */
  readonly to: Connection;
}

interface Waiting extends WaitingRequest {
  readonly deadline: number;
}

/** What one connection has asked. */
interface Asker {
  /** The requests of this connection that wait, by their numbers. */
  readonly waiting: Set<number>;
  /** How many requests it may make now. */
  credit: number;
  /** When that was counted: milliseconds since 1970. */
  at: number;
}

/** The requests of all connections. */
export class WaitingRequests {
  readonly #waiting = new Map<number, Waiting>();
  readonly #askers = new Map<Connection, Asker>();
  #number = 0;

  /**
   * Counts a request.
   *
   * @param now The current time: milliseconds since 1970.
   * @throws {NetlabError} {@linkcode ErrorCode.TooManyRequests} if the connection has made too many. Servers may make
   *   as many as they forward.
   */
  count(connection: Connection, now: number): void {
    if (connection.party.isLink) return;
    const most = LIMITS.statusRequests.default;
    let asker = this.#askers.get(connection);
    if (!asker) {
      this.#askers.set(connection, asker = { waiting: new Set(), credit: most, at: now });
    }
    asker.credit = Math.min(most, asker.credit + (now - asker.at) * most / 1_000);
    asker.at = now;
    if (asker.credit < 1) {
      throw tooMany(`this connection has asked more than ${most} times in a second`);
    }
    asker.credit--;
  }

  /**
   * Adds a request that is forwarded.
   *
   * @param now The current time: milliseconds since 1970.
   * @returns The number with which it is forwarded.
   * @throws {NetlabError} {@linkcode ErrorCode.TooManyRequests} if too many wait.
   */
  add(request: WaitingRequest, now: number): number {
    const { asker } = request;
    let entry = this.#askers.get(asker);
    if (!entry) this.#askers.set(asker, entry = { waiting: new Set(), credit: 0, at: now });
    const { waitingRequests, waitingRequestsOfOne } = LIMITS;
    if (this.#waiting.size >= waitingRequests.default) {
      throw tooMany(`${waitingRequests.default} others wait for an answer`);
    }
    if (entry.waiting.size >= waitingRequestsOfOne.default) {
      throw tooMany(`${waitingRequestsOfOne.default} of this connection wait for an answer`);
    }
    const number = this.#number = (this.#number + 1) >>> 0;
    entry.waiting.add(number);
    this.#waiting.set(number, { ...request, deadline: now + ANSWER_MS });
    return number;
  }

  /** Removes a request that was answered by this connection. Returns `undefined` if there is none. */
  take(number: number, by: Connection): WaitingRequest | undefined {
    const request = this.#waiting.get(number);
    if (request?.to !== by) return undefined;
    this.#remove(number, request);
    return request;
  }

  /**
   * Removes the requests that were not answered in time.
   *
   * @param now The current time: milliseconds since 1970.
   */
  takeOverdue(now: number): WaitingRequest[] {
    const overdue: WaitingRequest[] = [];
    for (const [number, request] of this.#waiting) {
      if (now < request.deadline) break;
      this.#remove(number, request);
      overdue.push(request);
    }
    return overdue;
  }

  /** Handles the end of a connection. Returns the requests that were forwarded to it. */
  closed(connection: Connection): WaitingRequest[] {
    for (const number of this.#askers.get(connection)?.waiting ?? []) this.#waiting.delete(number);
    this.#askers.delete(connection);
    if (!connection.party.isLink) return [];
    const unanswered: WaitingRequest[] = [];
    for (const [number, request] of this.#waiting) {
      if (request.to !== connection) continue;
      this.#remove(number, request);
      unanswered.push(request);
    }
    return unanswered;
  }

  #remove(number: number, { asker }: WaitingRequest): void {
    this.#waiting.delete(number);
    this.#askers.get(asker)?.waiting.delete(number);
  }
}

function tooMany(reason: string): NetlabError {
  return new NetlabError(
    ErrorCode.TooManyRequests,
    `Cannot answer: ${reason}; ask again more slowly`,
  );
}
