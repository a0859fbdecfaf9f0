/**
 * Which answer belongs to which echo, and how long it took. Owns the numbers that echoes carry and the
 * times at which they were sent. Pure: it is told the time, and knows no connection.
 *
 * @module
 */
import { FrameType, type FrameWriter } from "@netlab/protocol/codec";

/** More echoes than these do not wait for an answer: the oldest is forgotten. */
const MAX_OUTSTANDING = 60;
/** The most digits that a number of 32 bits has. */
const MAX_DIGITS = 10;

/** Writes an echo that carries `number`, 0 to 4,294,967,295, in decimal digits. */
export function writeEcho(out: FrameWriter, number: number): void {
  out.begin(FrameType.Echo, 0);
  out.text(String(number));
  out.end();
}

/**
 * The number in the answer to an echo of {@linkcode writeEcho}: `undefined` when the answer is empty, as
 * those of the original Python servers are, and NaN when it holds anything but a number.
 */
export function readEcho(payload: Uint8Array): number | undefined {
  if (payload.length === 0) return undefined;
  if (payload.length > MAX_DIGITS) return NaN;
  const text = new TextDecoder().decode(payload);
  return /^[0-9]+$/.test(text) ? Number(text) : NaN;
}

/**
 * The echoes on one connection. Answers come back in the order in which the echoes were sent, as both
 * ends of a connection take one frame after the other. An answer with a number belongs to the echo with
 * that number. One without a number belongs to the first echo that waits: if that one was in fact never
 * answered, the time comes out too long, never too short.
 *
 * @example
 * ```ts
 * import { EchoTimes } from "@netlab/rtt";
 *
 * const echoes = new EchoTimes();
 * echoes.sent(7, 1_000);
 * echoes.sent(8, 2_000);
 * echoes.answered(undefined, 2_100); // 1100: the first one is meant
 * echoes.answered(8, 2_150); // 150
 * ```
 */
export class EchoTimes {
  /** When those without an answer were sent, by their numbers, the first one first. */
  readonly #sentAt = new Map<number, number>();
  #inOrder = false;

  /** An echo with that number was sent at `now`: milliseconds, by a clock that never goes back. */
  sent(number: number, now: number): void {
    this.#sentAt.set(number, now);
    if (this.#sentAt.size > MAX_OUTSTANDING) this.#sentAt.delete(this.#first()!);
  }

  /**
   * An answer came at `now`.
   *
   * @param number The number in it, or `undefined` when it has none.
   * @returns How long it took, in milliseconds; `undefined` when it answers no echo that waits.
   */
  answered(number: number | undefined, now: number): number | undefined {
    if (number === undefined) this.#inOrder = true;
    const answered = number ?? this.#first();
    const sentAt = answered === undefined ? undefined : this.#sentAt.get(answered);
    if (sentAt === undefined) return undefined;
    // The answers to those before it would have come before this one.
    for (const before of this.#sentAt.keys()) {
      this.#sentAt.delete(before);
      if (before === answered) break;
    }
    return now - sentAt;
  }

  /** How many echoes wait for an answer. */
  get outstanding(): number {
    return this.#sentAt.size;
  }

  /**
   * Whether an echo that is sent now could be mistaken for an earlier one: one waits, and there was an
   * answer without a number.
   */
  get ambiguous(): boolean {
    return this.#inOrder && this.outstanding > 0;
  }

  #first(): number | undefined {
    return this.#sentAt.keys().next().value;
  }
}
