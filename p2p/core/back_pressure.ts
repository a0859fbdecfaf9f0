/**
 * Back-pressure: whether one more message may be written to a connection. Owns which senders are paused
 * because a reader is slow; does not know what is written.
 *
 * @module
 */
import { invariant, writeHeartbeat } from "@netlab/protocol/codec";
import type { Connection } from "./connection.ts";

/** When more bytes than this wait for one connection, the users of this server who write to it are paused. */
export const PAUSE_BYTES: number = 1024 * 1024;
/** When more wait, messages are refused: the users of other servers cannot be paused. */
export const REFUSE_BYTES: number = 8 * 1024 * 1024;
/** A slow reader pauses a sender for this long at most: milliseconds. After that its messages are refused. */
export const MAX_PAUSE_MS = 3_000;
/** How often a paused sender gets a sign of life, so that it does not take the server for dead: milliseconds. */
const ALIVE_EVERY_MS = 1_000;

/** A connection that is read more slowly than it is written to. */
interface SlowReader {
  /** The senders that are paused because of it. */
  readonly paused: Set<Connection>;
  /** Whether it did not catch up while senders were paused for as long as they may be. */
  overdue: boolean;
}

/** The slow readers of one server, and who is paused because of them. */
export class BackPressure {
  readonly #readers = new Map<Connection, SlowReader>();

  /**
   * Whether a message from one connection may be written to another. A sender that can be paused is
   * paused while more than {@linkcode PAUSE_BYTES} wait, until the reader catches up; when that takes too
   * long, the answer is no. Messages of other senders are taken up to {@linkcode REFUSE_BYTES}.
   *
   * @param now The time: milliseconds since 1970.
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

  /** Nothing waits on a connection any more, or it has ended: the senders that it paused are read again. */
  release(reader: Connection, now: number): void {
    const known = this.#readers.get(reader);
    if (!known) return;
    this.#readers.delete(reader);
    invariant(!known.paused.has(reader), "a connection never pauses itself");
    for (const sender of known.paused) sender.resume(now);
  }

  /**
   * Time has passed: whoever has been paused for long enough is read again, and messages for the slow
   * reader are refused from then on.
   */
  tick(now: number): void {
    for (const reader of this.#readers.values()) {
      for (const sender of reader.paused) {
        if (sender.pausedMs(now) < MAX_PAUSE_MS) {
          this.#showAlive(sender, now);
          continue;
        }
        reader.paused.delete(sender);
        reader.overdue = true;
        sender.resume(now);
      }
    }
  }

  #showAlive(sender: Connection, now: number): void {
    if (!sender.isPaused || sender.readsText || now - sender.aliveAt < ALIVE_EVERY_MS) return;
    sender.aliveAt = now;
    writeHeartbeat(sender.out);
  }
}
