/**
 * Makes a failing run smaller: finds few actions of a plan that still break a guarantee.
 *
 * @module
 */
import type { Plan } from "./plan.ts";
import { simulate, type SimulateOptions } from "./simulate.ts";

/** How to make a run smaller. */
export interface ShrinkOptions extends Omit<SimulateOptions, "only" | "trace"> {
  /**
   * The highest number of runs.
   *
   * @default {200}
   */
  tries?: number;
  /** Ends the search early, with the best result so far. */
  stop?: AbortSignal;
}

/**
 * Leaves out actions of a plan while its run still fails: first many at a time, then one by one.
 *
 * @returns The indexes of the actions that are needed, in ascending order.
 */
export async function shrink(
  plan: Plan,
  { tries = 200, stop, ...options }: ShrinkOptions = {},
): Promise<number[]> {
  let needed = plan.actions.map((_, index) => index);
  let left = tries;
  const fails = async (indexes: readonly number[]) => {
    // A run is synchronous. Signals arrive only between runs.
    await new Promise<void>((resolve) => void setTimeout(resolve, 0));
    if (stop?.aborted) left = 0;
    if (left === 0) return false;
    left--;
    return simulate(plan, { ...options, only: new Set(indexes) }).exitCode === 1;
  };
  for (let size = Math.ceil(needed.length / 2); size >= 1 && left > 0;) {
    let smaller = false;
    for (let from = 0; from < needed.length && left > 0;) {
      const rest = [...needed.slice(0, from), ...needed.slice(from + size)];
      if (await fails(rest)) {
        needed = rest;
        smaller = true;
      } else from += size;
    }
    if (!smaller || size > 1) size = Math.floor(size / 2);
  }
  return needed;
}
