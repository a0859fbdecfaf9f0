/**
 * Compares the time of one piece of work with the time of another in the same run, so that the speed of the
 * machine does not matter.
 *
 * @module
 */
import { assert } from "@std/assert";

/** The largest number of rounds. Other work on the machine can only slow a round down, so the fastest counts. */
const ROUNDS = 10;

/** Returns how long `work` takes: milliseconds. */
export async function timeOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Asserts that `work` takes at most `most` times as long as `control`.
 *
 * @param what What `work` is, for the error.
 */
export async function assertTakesAtMost(
  most: number,
  what: string,
  work: () => unknown,
  control: () => unknown,
): Promise<void> {
  let [workMs, controlMs] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    controlMs = Math.min(controlMs, await timeOf(control));
    workMs = Math.min(workMs, await timeOf(work));
    if (workMs <= most * controlMs) return;
  }
  assert(false, `${what}: ${workMs} ms, and the control ${controlMs} ms`);
}
