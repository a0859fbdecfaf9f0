/**
 * Matches answers to echoes, and computes their round-trip times. Owns the number in an echo and the times
 * at which echoes were sent. It is told the time; it must not know clocks or connections.
 *
 * @module
 */
import { FrameType, type FrameWriter } from "@netlab/protocol/codec";

/** How many echoes may wait for an answer. When there are more, the oldest is forgotten. */
const MAX_OUTSTANDING = 60;
/** The number of decimal digits of the largest 32-bit number. */
const MAX_DIGITS = 10;

/** Writes an echo that carries `number` (0 to 4,294,967,295) in decimal digits. */
export function writeEcho(out: FrameWriter, number: number): void {
  out.begin(FrameType.Echo, 0);
  out.text(String(number));
  out.end();
}

/**
 * Reads the number from the answer to an echo of {@linkcode writeEcho}.
 *
 * @returns The number; `undefined` when the answer is empty, as the original Python servers send it; NaN
 *   when the answer holds something else.
 */
export function readEcho(payload: Uint8Array): number | undefined {
  if (payload.length === 0) return undefined;
  if (payload.length > MAX_DIGITS) return NaN;
  const text = new TextDecoder().decode(payload);
  return /^[0-9]+$/.test(text) ? Number(text) : NaN;
}

/**
 * The echoes on one connection. Answers come back in the order of the echoes, because both ends handle one
 * frame after the other. An answer with a number belongs to the echo with that number. An answer without a
 * number belongs to the first echo that waits. If that echo was in fact never answered, its time comes out
 * too long, but never too short.
 *
 * @example
 * ```ts
 * import { EchoTimes } from "@netlab/rtt";
 *
 * const echoes = new EchoTimes();
 * echoes.sent(7, 1_000);
 * echoes.sent(8, 2_000);
 * echoes.answered(undefined, 2_100); // 1100: it belongs to the first echo
 * echoes.answered(8, 2_150); // 150
 * ```
 */
export class EchoTimes {
  /** The times at which waiting echoes were sent, by number, in the order of sending. */
  readonly #sentAt = new Map<number, number>();
  /** Whether an answer came without a number. */
  #isUnnumbered = false;

  /** Notes that an echo with this number was sent at `now`: milliseconds, by a clock that never goes back. */
  sent(number: number, now: number): void {
    this.#sentAt.set(number, now);
    if (this.#sentAt.size > MAX_OUTSTANDING) this.#sentAt.delete(this.#first()!);
  }

  /**
   * Matches an answer that came at `now` (milliseconds) to its echo.
   *
   * @param number The number in the answer; `undefined` when it has none.
   * @returns The round-trip time in milliseconds; `undefined` when no echo waits for this answer.
   */
  answered(number: number | undefined, now: number): number | undefined {
    if (number === undefined) this.#isUnnumbered = true;
    const answered = number ?? this.#first();
    const sentAt = answered === undefined ? undefined : this.#sentAt.get(answered);
    if (sentAt === undefined) return undefined;
    // Answers keep the order of the echoes, so earlier echoes get none any more.
    for (const before of this.#sentAt.keys()) {
      this.#sentAt.delete(before);
      if (before === answered) break;
    }
    return now - sentAt;
  }

  /** The number of echoes that wait for an answer. */
  get outstanding(): number {
    return this.#sentAt.size;
  }

  /**
   * Whether the answer to the next echo could be taken for the answer to an earlier one: an echo still
   * waits, and the server has answered without a number.
   */
  get ambiguous(): boolean {
    return this.#isUnnumbered && this.outstanding > 0;
  }

  #first(): number | undefined {
    return this.#sentAt.keys().next().value;
  }
}
