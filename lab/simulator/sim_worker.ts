/**
 * A worker that simulates each seed that it receives.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { makePlan } from "./plan.ts";
import { simulate } from "./simulate.ts";

/** The result of one seed. */
export interface SeedResult {
  /** The seed. */
  readonly seed: number;
  /** The number of servers. */
  readonly servers: number;
  /** The number of durable messages that were sent. */
  readonly sent: number;
  /** How often a server crashed. */
  readonly crashes: number;
  /** 0 if all guarantees were kept, 1 if one was broken, 2 if the run cannot tell. */
  readonly exitCode: 0 | 1 | 2;
}

self.onmessage = ({ data: seed }: MessageEvent<number>) => {
  const plan = makePlan(seed);
  const { findings, exitCode } = simulate(plan);
  const crashes = plan.actions.filter(({ kind }) => kind === "crash").length;
  const result = { seed, servers: plan.servers, sent: findings.sent, crashes, exitCode };
  self.postMessage(result satisfies SeedResult);
};
