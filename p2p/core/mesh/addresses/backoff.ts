/**
 * The delay between two attempts to reach something. Knows neither addresses nor clocks.
 *
 * @module
 */

/** The delay after the first failure, doubled with each further one: milliseconds. */
const FIRST_WAIT_MS = 250;
/** The longest delay between two attempts: milliseconds. */
const LONGEST_WAIT_MS = 30_000;

/**
 * Returns the delay before the next attempt. It doubles from 250 ms to 30 s. A random value between half
 * of that and all of it is used, so that servers that lost each other at the same time do not reconnect
 * at the same time.
 *
 * @param failures The number of failures in a row.
 * @param random A number from 0 to below 1.
 * @returns Milliseconds.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 16));
  return full * (0.5 + random / 2);
}
