/**
 * Makes a failing run smaller: finds few actions of a plan that still break a guarantee.
 *
 * @module
 */
import { smallestFailing } from "../shrink.ts";
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
export function shrink(
  plan: Plan,
  { tries = 200, stop, ...options }: ShrinkOptions = {},
): Promise<number[]> {
  const fails = (indexes: readonly number[]) =>
    simulate(plan, { ...options, only: new Set(indexes) }).exitCode === 1;
  return smallestFailing(plan.actions.length, fails, { tries, stop });
}
