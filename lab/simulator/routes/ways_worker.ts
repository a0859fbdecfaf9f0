/**
 * A worker that runs the networks with time on every link that it is told, one after the other. Owns
 * nothing but that.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { simulateWays } from "./ways.ts";
import { makeWaysPlan } from "./ways_plan.ts";

self.onmessage = ({ data }: MessageEvent<{ seed: number; servers: number | undefined }>) => {
  self.postMessage(simulateWays(makeWaysPlan(data.seed, data.servers)));
};
