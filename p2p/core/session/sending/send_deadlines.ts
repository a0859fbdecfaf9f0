/**
 * The deadlines of messages that no server has accepted. Owns when the time of a message runs, and when a message
 * has failed. Does not know what else happens to messages.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol/codec";
import type { SessionConnection } from "../session_connection.ts";
import type { UnsettledMessage } from "./unsettled_message.ts";

/**
 * The most time that counts between two ticks: milliseconds. A program that was suspended, or that computed
 * for a long time, could not read any receipt meanwhile.
 */
const MAX_TICK_MS = 2_000;

/** The deadlines of one user's messages. */
export class SendDeadlines {
  readonly #unsettled: Iterable<UnsettledMessage>;
  readonly #fail: (unsettled: UnsettledMessage, error: NetlabError) => void;
  #connection: SessionConnection | undefined;
  /** The clock of the deadlines: milliseconds. It stands still while the program is suspended. */
  #clockMs = 0;
  /** When the last connection ended: milliseconds of the clock. */
  #lostAt = 0;
  /** How many messages were written at the last check. */
  #writtenBefore = 0;
  /** Whether the server was asked for an answer that has not arrived. */
  #isAsking = false;

  /**
   * Starts the clock.
   *
   * @param unsettled All messages that are not settled, in the order in which they were sent.
   * @param fail Called with a message whose time is over.
   */
  constructor(
    unsettled: Iterable<UnsettledMessage>,
    fail: (unsettled: UnsettledMessage, error: NetlabError) => void,
  ) {
    this.#unsettled = unsettled;
    this.#fail = fail;
  }

  /** Makes a connection the current one. */
  attach(connection: SessionConnection): void {
    this.#connection = connection;
    this.#isAsking = false;
  }

  /** Handles the end of the current connection. */
  detach(): void {
    this.#connection = undefined;
    this.#lostAt = this.#clockMs;
  }

  /** Handles that so many milliseconds have passed. */
  passed(ms: number): void {
    this.#clockMs += Math.min(ms, MAX_TICK_MS);
  }

  /**
   * Fails messages that the server has read but not accepted in time. A message that the server may not have
   * read yet, because it is behind others on a slow link, has no deadline: the server is asked for an answer,
   * which comes when it has read everything before.
   *
   * @param written How many messages were written, on all connections.
   * @param answered The lowest number of a message for which a receipt arrived since the last check.
   */
  check(written: number, answered: number): void {
    let mustAsk = false;
    const isPaused = this.#connection?.isPaused;
    for (const unsettled of this.#unsettled) {
      const { number, deadline, timeoutMs, recipient } = unsettled;
      if (unsettled.isAccepted || unsettled.bytes === 0) continue;
      if (deadline === undefined && !isPaused) mustAsk ||= number <= this.#writtenBefore;
      else if (deadline === undefined || number >= answered) {
        // It got no answer while paused, or a receipt shows that the server works through the earlier ones.
        unsettled.deadline = this.#clockMs + timeoutMs;
      } else if (this.#clockMs >= deadline) {
        const reason = `Cannot tell whether ${recipient} will get the message: ` +
          "no server confirmed it in time";
        this.#fail(unsettled, new NetlabError(ErrorCode.TimedOut, reason));
      }
    }
    this.#writtenBefore = written;
    if (mustAsk) this.#ask(written);
  }

  /** Fails messages when there has been no connection for too long. */
  checkAlone(): void {
    for (const unsettled of this.#unsettled) {
      const { isAccepted, timeoutMs, recipient } = unsettled;
      if (isAccepted || this.#clockMs - this.#lostAt < timeoutMs) continue;
      const reason = `Cannot tell whether ${recipient} will get the message: ` +
        "no server could be reached in time";
      this.#fail(unsettled, new NetlabError(ErrorCode.TimedOut, reason));
    }
  }

  /** Finds out when the server has read all messages that were written so far. */
  #ask(written: number): void {
    const connection = this.#connection;
    if (!connection || this.#isAsking) return;
    this.#isAsking = true;
    connection.ask(() => {
      if (this.#connection !== connection) return;
      this.#isAsking = false;
      for (const unsettled of this.#unsettled) {
        const { isAccepted, bytes, number, timeoutMs } = unsettled;
        if (isAccepted || bytes === 0 || number > written) continue;
        unsettled.deadline ??= this.#clockMs + timeoutMs;
      }
    });
  }
}
