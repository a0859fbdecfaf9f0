/**
 * The few numbers that stand for many. Pure.
 *
 * @module
 */

/**
 * The middle value; of an even number of them, the mean of the two in the middle.
 *
 * @throws {RangeError} When there is none.
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot find the median of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/**
 * The smallest value that at least `share` of all are not above: the nearest-rank percentile.
 *
 * @param sorted In ascending order, at least one.
 * @param share Above 0, at most 1.
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) throw new RangeError("Cannot find a percentile of nothing");
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!;
}
