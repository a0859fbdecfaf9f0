/**
 * Makes a failing run smaller: the fewest actions of a plan that still break the same promise. Pure
 * but for running the plan.
 *
 * @module
 */
import type { Plan } from "./plan.ts";
import { simulate, type SimulateOptions } from "./simulate.ts";

/** How a run is made smaller. */
export interface ShrinkOptions extends Omit<SimulateOptions, "only" | "trace"> {
  /**
   * How many runs it may take at most.
   *
   * @default {200}
   */
  tries?: number;
  /** Ends it when it aborts, with what is known to be needed until then. */
  stop?: AbortSignal;
}

/**
 * Leaves out actions, first many at a time and then one by one, as long as the run still fails.
 *
 * @returns The places in the plan of the actions that are needed.
 */
export async function shrink(
  plan: Plan,
  { tries = 200, stop, ...options }: ShrinkOptions = {},
): Promise<number[]> {
  let needed = plan.actions.map((_, place) => place);
  let left = tries;
  const fails = async (places: readonly number[]) => {
    // A run takes no pause, and signals are heard in pauses alone.
    await new Promise<void>((resolve) => void setTimeout(resolve, 0));
    if (stop?.aborted) left = 0;
    if (left === 0) return false;
    left--;
    return simulate(plan, { ...options, only: new Set(places) }).exitCode === 1;
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
