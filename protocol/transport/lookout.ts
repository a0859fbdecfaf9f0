/**
 * Lets the event loop look for new events while there is much work. Owns how long work may go on without. Knows
 * nothing of the work.
 *
 * Deno 2.9 does at once what it can do at once, such as a read of data that has arrived. While each round of its loop
 * leads to the next one, it asks the system for new events in one round of 61 only. If each round is a millisecond of
 * work, a message of somebody else is noticed after 60 ms, and after seconds if rounds are longer. So after a few
 * milliseconds of work, this class lets as many rounds pass without any.
 *
 * @module
 */

/** How much work there may be between two looks: milliseconds. */
const WORK_MS = 3;
/** How much if only two connections were heard lately, such as a sender and its recipient: nobody else waits. */
const ALONE_WORK_MS = 12;
/** For so many looks, connections count as heard. */
const HEARD_LOOKS = 100;
/** After so many rounds without work, the system has been asked for new events. They take about 0.2 ms together. */
const ROUNDS = 64;

/** Counts work, and schedules what comes next. */
export class Lookout {
  /** The work since the last look: milliseconds. */
  #workedMs = 0;
  /** When the current work began: milliseconds; `undefined` if there is none. */
  #since: number | undefined;
  /** The two connections that were heard last. */
  #last: object | undefined;
  #other: object | undefined;
  /** For how many looks a third one counts as heard. */
  #sharedLooks = 0;
  /** What waits until the look that is under way is over. */
  #waiting: (() => void)[] = [];

  /**
   * Records that work begins, unless it goes on.
   *
   * @param source The connection that has caused it.
   */
  begin(source?: object): void {
    this.#since ??= performance.now();
    if (!source || source === this.#last || source === this.#other) return;
    if (this.#other) this.#sharedLooks = HEARD_LOOKS;
    this.#other = this.#last;
    this.#last = source;
  }

  /** Records that the work is done for now. */
  end(): void {
    if (this.#since !== undefined) this.#workedMs += performance.now() - this.#since;
    this.#since = undefined;
  }

  /** Whether further work should wait for {@linkcode Lookout.next}. */
  get isDue(): boolean {
    return this.#workedMs >= (this.#sharedLooks > 0 ? WORK_MS : ALONE_WORK_MS);
  }

  /** Calls `run` once, after what has happened was handled, and after a look if one is due. */
  next(run: () => void): void {
    if (!this.isDue) return void setImmediate(run);
    if (this.#waiting.push(run) === 1) this.#look(ROUNDS);
  }

  #look(rounds: number): void {
    if (rounds > 0) return void setImmediate(() => this.#look(rounds - 1));
    this.#workedMs = 0;
    if (this.#sharedLooks > 0) this.#sharedLooks--;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) run();
  }
}

/** The lookout of this program. */
export const LOOKOUT: Lookout = new Lookout();
