/**
 * Limits how long to wait for something.
 *
 * @module
 */

/** How long to wait before giving up: milliseconds. Generous, so that slow machines are in time. */
export const DEADLINE_MS = 60_000;

/**
 * Waits for a promise, but no longer than a deadline. The work itself is not stopped.
 *
 * @param deadlineMs How long to wait: milliseconds.
 * @param late Creates the error to throw at the deadline.
 * @throws {Error} The error of the promise if it fails in time, or the one that `late` creates.
 */
export async function withDeadline<T>(
  work: Promise<T>,
  deadlineMs: number,
  late: () => Error,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), deadlineMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
