/**
 * Figures of the last ten minutes, one set a second. Owns the memory for them. Does not know what they mean.
 *
 * @module
 */

/** How many seconds are kept. */
export const HISTORY_SECONDS = 600;

/** Some figures over time: the newest ones replace the oldest. */
export class History<Name extends string> {
  readonly #names: readonly Name[];
  readonly #values: Map<Name, Float64Array>;
  /** The first second that had values: seconds since 1970; infinite before. */
  first = Infinity;
  /** The last second that has values: seconds since 1970. */
  #last = 0;

  /**
   * Starts with nothing.
   *
   * @param names The names of the figures.
   */
  constructor(names: readonly Name[]) {
    this.#names = names;
    this.#values = new Map(
      names.map((name) => [name, new Float64Array(HISTORY_SECONDS).fill(NaN)]),
    );
  }

  /**
   * Adds the figures of a second. Those that are missing stay unknown, and so do the seconds before it that nobody has
   * added.
   *
   * @param time The time: milliseconds since 1970.
   */
  add(time: number, figures: Partial<Readonly<Record<Name, number | undefined>>>): void {
    const second = Math.floor(time / 1_000);
    if (second < this.#last) return;
    const from = Math.max(this.#last + 1, second - HISTORY_SECONDS + 1);
    for (const name of this.#names) {
      const values = this.#values.get(name)!;
      for (let at = from; at < second; at++) values[at % HISTORY_SECONDS] = NaN;
      values[second % HISTORY_SECONDS] = figures[name] ?? NaN;
    }
    this.first = Math.min(this.first, second);
    this.#last = second;
  }

  /**
   * Returns the values of a figure, the oldest first; `null` where it is not known.
   *
   * @param time The time of the last value: milliseconds since 1970.
   */
  values(name: Name, time: number): (number | null)[] {
    const values = this.#values.get(name)!;
    return historySeconds(time).map((second) => {
      if (second > this.#last || second <= this.#last - HISTORY_SECONDS) return null;
      const value = values[second % HISTORY_SECONDS]!;
      return Number.isNaN(value) ? null : value;
    });
  }
}

/**
 * Returns the times of {@linkcode History.values}: seconds since 1970.
 *
 * @param time The last one: milliseconds since 1970.
 */
export function historySeconds(time: number): number[] {
  const first = Math.floor(time / 1_000) - HISTORY_SECONDS + 1;
  return Array.from({ length: HISTORY_SECONDS }, (_, at) => first + at);
}
