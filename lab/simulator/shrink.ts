/**
 * Makes a failing run smaller: the fewest actions of a plan that still break the same promise. Pure
 * but for running the plan.
 *
 * @module
 */
import type { Plan } from "./plan.ts";
import { simulate, type SimulateOptions } from "./simulate.ts";

/**
 * Leaves out actions, first many at a time and then one by one, as long as the run still fails.
 *
 * @param tries How many runs it may take at most.
 * @returns The places in the plan of the actions that are needed.
 */
export function shrink(
  plan: Plan,
  options: Omit<SimulateOptions, "only" | "trace"> = {},
  tries = 200,
): number[] {
  let needed = plan.actions.map((_, place) => place);
  let left = tries;
  const fails = (places: readonly number[]) => {
    left--;
    return simulate(plan, { ...options, only: new Set(places) }).exitCode === 1;
  };
  for (let size = Math.ceil(needed.length / 2); size >= 1 && left > 0;) {
    let smaller = false;
    for (let from = 0; from < needed.length && left > 0;) {
      const rest = [...needed.slice(0, from), ...needed.slice(from + size)];
      if (fails(rest)) {
        needed = rest;
        smaller = true;
      } else from += size;
    }
    if (!smaller || size > 1) size = Math.floor(size / 2);
  }
  return needed;
}
