/**
 * Decides when a client asks its server for a sign of life, and when silence means that the server is gone. Owns
 * the times for both. Must not know connections or clocks: the caller passes what happened and the time.
 *
 * @module
 */

/**
 * A server that owes an answer for this long is gone: milliseconds. With the time before the question, a client
 * notices in 2 to 3.3 s that a machine has vanished, as servers do. A pause of 1.5 s does not count.
 */
const GONE_MS = 2_000;
/**
 * The same while data waits to be written, or did a short time ago: milliseconds. The question then waits behind
 * that data, and the system does not tell how much of it is left.
 */
const GONE_BACKED_UP_MS = 15_000;
/** A server that owes an answer for this long is late: milliseconds. */
const LATE_MS = 1_000;
/** How long a server may be silent before it is asked while messages wait for it: milliseconds. */
const WAITING_MS = 500;
/** How long an idle server may be silent before it is asked: at least so many milliseconds. */
const IDLE_MS = 1_000;
/**
 * How much longer with each user of the server: milliseconds. All idle users of a server together ask it about a
 * thousand times a second at most.
 */
const IDLE_MS_PER_USER = 1;
/** The longest time before an idle server is asked: milliseconds. */
const MAX_IDLE_MS = 15_000;
/** After a longer gap between two looks, silence is blamed on this program itself: milliseconds. */
const MAX_GAP_MS = 1_000;

/** What a client knows of its connection. */
export interface LivenessState {
  /** When the last bytes from the server arrived: milliseconds. */
  readonly heardAt: number;
  /** Whether messages wait for the server to accept them. */
  readonly isWaiting: boolean;
  /** The number of users of the server; `undefined` when it is unknown. */
  readonly users: number | undefined;
}

/**
 * What to do: `ask` the server for a sign of life; nothing, though its answer is `late`; or end the connection,
 * because the server is `gone`.
 */
export type Verdict = "ask" | "late" | "gone" | undefined;

/** Observes the silences of one server. */
export class Liveness {
  /** When the server was asked: milliseconds; `undefined` while it owes no answer. */
  #askedAt: number | undefined;
  #lookedAt: number;
  /** When data that had waited for long was last written: milliseconds. */
  #advancedAt = -Infinity;

  /** Starts with a server that was heard of at the time `now`: milliseconds. */
  constructor(now: number) {
    this.#lookedAt = now;
  }

  /**
   * Records that the system has taken data that had to wait, so that the other side is reading.
   *
   * @param now The current time: milliseconds.
   */
  advanced(now: number): void {
    this.#advancedAt = now;
  }

  /**
   * Decides what to do. Call it every 250 ms.
   *
   * @param now The current time: milliseconds.
   */
  look(now: number, { heardAt, isWaiting, users = 0 }: LivenessState): Verdict {
    // An answer may have arrived that was not read yet, because the program or the machine was asleep.
    const stalled = now - this.#lookedAt > MAX_GAP_MS;
    this.#lookedAt = now;
    if (this.#askedAt !== undefined && heardAt >= this.#askedAt) this.#askedAt = undefined;
    if (this.#askedAt === undefined || stalled) {
      const idleMs = Math.min(MAX_IDLE_MS, IDLE_MS + IDLE_MS_PER_USER * users);
      if (!stalled && now - heardAt < (isWaiting ? WAITING_MS : idleMs)) return undefined;
      this.#askedAt = now;
      return "ask";
    }
    const isBackedUp = now - this.#advancedAt < GONE_BACKED_UP_MS;
    const owesMs = now - Math.max(this.#askedAt, this.#advancedAt);
    if (owesMs >= (isBackedUp ? GONE_BACKED_UP_MS : GONE_MS)) return "gone";
    return owesMs >= LATE_MS ? "late" : undefined;
  }
}
