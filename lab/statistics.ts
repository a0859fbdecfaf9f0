/**
 * Summaries of measured values.
 *
 * @module
 */

/** How long something took in a run. All values are milliseconds, and each is one that was measured. */
export interface Latency {
  /** Half of all took no longer. */
  readonly p50: number;
  /** 90 % took no longer. */
  readonly p90: number;
  /** 99 % took no longer. */
  readonly p99: number;
  /** The longest. */
  readonly max: number;
}

/** Summarizes durations in milliseconds, in any order. Returns `undefined` if there are none. */
export function latencyOf(times: readonly number[]): Latency | undefined {
  if (times.length === 0) return undefined;
  const sorted = times.toSorted((a, b) => a - b);
  return {
    p50: percentile(sorted, 0.5),
    p90: percentile(sorted, 0.9),
    p99: percentile(sorted, 0.99),
    max: sorted.at(-1)!,
  };
}

/**
 * Returns the smallest value that is at least as large as a given share of all: the nearest-rank
 * percentile. It is always one of the values.
 *
 * @param sorted The values in ascending order.
 * @param share Above 0 and at most 1; 0.5 gives the median.
 * @throws {RangeError} When there are no values.
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) throw new RangeError("Cannot find a percentile: there are no values");
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}
