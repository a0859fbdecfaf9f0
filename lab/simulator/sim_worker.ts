/**
 * A worker that simulates the seeds it is sent, one after the other. Owns nothing but that.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { makePlan } from "./plan.ts";
import { simulate } from "./simulate.ts";

/** What a worker says of a seed. */
export interface SeedResult {
  /** The seed. */
  readonly seed: number;
  /** How many servers the run had. */
  readonly servers: number;
  /** How many messages were sent in it. */
  readonly sent: number;
  /** How many times a server crashed in it. */
  readonly crashes: number;
  /** 0 when all promises were kept, 1 when one was broken, 2 when that cannot be told. */
  readonly exitCode: 0 | 1 | 2;
}

self.onmessage = ({ data: seed }: MessageEvent<number>) => {
  const plan = makePlan(seed);
  const { findings, exitCode } = simulate(plan);
  const crashes = plan.actions.filter(({ kind }) => kind === "crash").length;
  const result = { seed, servers: plan.servers, sent: findings.sent, crashes, exitCode };
  self.postMessage(result satisfies SeedResult);
};
