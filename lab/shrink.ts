/**
 * Makes a failing input smaller: leaves out parts while it still fails. Knows nothing of what the parts are.
 *
 * @module
 */

/** How long to search. */
export interface ShrinkLimits {
  /** The highest number of attempts. */
  readonly tries: number;
  /** Ends the search early, with the best result so far. */
  readonly stop?: AbortSignal | undefined;
}

/**
 * Leaves out parts of an input while it still fails: first many at a time, then one by one.
 *
 * @param count The number of parts.
 * @param fails Returns whether the input fails with only these parts: indexes from 0, in ascending order.
 * @returns The indexes of the parts that are needed, in ascending order.
 */
export async function smallestFailing(
  count: number,
  fails: (indexes: readonly number[]) => boolean,
  { tries, stop }: ShrinkLimits,
): Promise<number[]> {
  let needed = Array.from({ length: count }, (_, index) => index);
  let left = tries;
  const attempt = async (indexes: readonly number[]) => {
    // An attempt is synchronous. Signals arrive only between attempts.
    await new Promise<void>((resolve) => void setTimeout(resolve, 0));
    if (stop?.aborted) left = 0;
    if (left === 0) return false;
    left--;
    return fails(indexes);
  };
  for (let size = Math.ceil(needed.length / 2); size >= 1 && left > 0;) {
    let smaller = false;
    for (let from = 0; from < needed.length && left > 0;) {
      const rest = [...needed.slice(0, from), ...needed.slice(from + size)];
      if (await attempt(rest)) {
        needed = rest;
        smaller = true;
      } else from += size;
    }
    if (!smaller || size > 1) size = Math.floor(size / 2);
  }
  return needed;
}
