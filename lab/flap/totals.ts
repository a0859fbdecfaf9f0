/**
 * Compares policies over several traces.
 *
 * @module
 */
import type { PolicyName } from "@netlab/rtt";
import type { Replay } from "./replay.ts";

/** How a policy did on several traces. */
export interface PolicyTotal {
  /** The name of the policy. */
  readonly policy: PolicyName;
  /** How often the policy moved, in all traces together. */
  readonly moves: number;
  /** The mean of {@linkcode Replay.regretMs} over all traces: milliseconds. */
  readonly regretMs: number;
  /** The highest {@linkcode Replay.regretMs} of any trace: milliseconds. */
  readonly worstMs: number;
}

/**
 * Summarizes replays by policy.
 *
 * @param replays The replays of each trace, at least one trace, with the policies in the same order.
 */
export function summarize(replays: readonly (readonly Replay[])[]): PolicyTotal[] {
  return replays[0]!.map(({ policy }, at) => {
    const own = replays.map((each) => each[at]!);
    return {
      policy,
      moves: own.reduce((sum, { moves }) => sum + moves, 0),
      regretMs: own.reduce((sum, { regretMs }) => sum + regretMs, 0) / own.length,
      worstMs: Math.max(...own.map(({ regretMs }) => regretMs)),
    };
  });
}

/** Whether the policy of netlab loses least time of those that move no more often than the home rule. */
export function losesLeast(totals: readonly PolicyTotal[]): boolean {
  const of = (name: PolicyName) => totals.find(({ policy }) => policy === name)!;
  const [netlab, home] = [of("netlab"), of("home")];
  const calm = totals.filter(({ moves }) => moves <= home.moves);
  return calm.includes(netlab) && calm.every(({ regretMs }) => netlab.regretMs <= regretMs);
}
