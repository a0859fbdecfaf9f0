/**
 * A worker that runs the networks with time on every link that it is told, one after the other. Owns
 * nothing but that.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { simulateRoutes } from "./simulate_routes.ts";
import { makeRoutesPlan } from "./routes_plan.ts";

self.onmessage = ({ data }: MessageEvent<{ seed: number; servers: number | undefined }>) => {
  self.postMessage(simulateRoutes(makeRoutesPlan(data.seed, data.servers)));
};
