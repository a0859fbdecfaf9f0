/**
 * Decides whether one more message may be written to a connection. Owns which senders are paused
 * because a connection is read slowly. Does not know what is written.
 *
 * @module
 */
import { invariant, writeHeartbeat } from "@netlab/protocol/codec";
import type { Connection } from "./connection.ts";

/**
 * While more bytes than this wait to be sent on a connection, the server pauses its own users who
 * write to that connection.
 */
export const PAUSE_BYTES: number = 1024 * 1024;
/**
 * While more bytes than this wait to be sent on a connection, the server refuses messages for it.
 * Users of other servers cannot be paused, so their messages must be refused.
 */
export const REFUSE_BYTES: number = 8 * 1024 * 1024;
/**
 * The longest time that a slow reader may pause a sender: milliseconds. After that, the server
 * refuses the sender's messages for that reader.
 */
const MAX_PAUSE_MS = 3_000;
/**
 * How often a paused sender gets a heartbeat, so that its client does not close the connection:
 * milliseconds.
 */
const HEARTBEAT_EVERY_MS = 1_000;

/** A connection that receives data more slowly than the server writes it. */
interface SlowReader {
  /** The senders that are paused because of this connection. */
  readonly paused: Set<Connection>;
  /** Whether the connection did not catch up within {@linkcode MAX_PAUSE_MS}. */
  overdue: boolean;
}

/** The slow readers of one server and the senders that they pause. */
export class BackPressure {
  readonly #readers = new Map<Connection, SlowReader>();

  /**
   * Returns whether a message from one connection may be written to another. While more than
   * {@linkcode PAUSE_BYTES} wait, it pauses a sender that can be paused until the reader catches
   * up. It returns false when that takes too long, or when more than {@linkcode REFUSE_BYTES} wait.
   *
   * @param now The current time: milliseconds since 1970.
   */
  mayWrite(from: Connection, to: Connection, now: number): boolean {
    const waiting = to.out.length;
    if (waiting <= PAUSE_BYTES) return true;
    if (!from.party.isPausable || from === to) return waiting <= REFUSE_BYTES;
    let reader = this.#readers.get(to);
    if (reader?.overdue) return false;
    if (!reader) this.#readers.set(to, reader = { paused: new Set(), overdue: false });
    reader.paused.add(from);
    from.pause(now);
    return waiting <= REFUSE_BYTES;
  }

  /**
   * Resumes the senders that a connection has paused. Call it when the connection has sent
   * everything or has ended.
   *
   * @param now The current time: milliseconds since 1970.
   */
  release(reader: Connection, now: number): void {
    const known = this.#readers.get(reader);
    if (!known) return;
    this.#readers.delete(reader);
    invariant(!known.paused.has(reader), "a connection never pauses itself");
    for (const sender of known.paused) sender.resume(now);
  }

  /**
   * Resumes senders that have been paused for {@linkcode MAX_PAUSE_MS}. From then on, messages for
   * the slow reader are refused.
   *
   * @param now The current time: milliseconds since 1970.
   */
  tick(now: number): void {
    for (const reader of this.#readers.values()) {
      for (const sender of reader.paused) {
        if (sender.pausedMs(now) < MAX_PAUSE_MS) {
          this.#sendHeartbeat(sender, now);
          continue;
        }
        reader.paused.delete(sender);
        reader.overdue = true;
        sender.resume(now);
      }
    }
  }

  #sendHeartbeat(sender: Connection, now: number): void {
    if (!sender.isPaused || sender.readsText || now - sender.aliveAt < HEARTBEAT_EVERY_MS) return;
    sender.aliveAt = now;
    writeHeartbeat(sender.out);
  }
}
