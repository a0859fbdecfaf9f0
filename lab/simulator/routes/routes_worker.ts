/**
 * A worker that simulates routes for each seed that it receives.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { simulateRoutes } from "./simulate_routes.ts";
import { makeRoutesPlan } from "./routes_plan.ts";

self.onmessage = ({ data }: MessageEvent<{ seed: number; servers: number | undefined }>) => {
  self.postMessage(simulateRoutes(makeRoutesPlan(data.seed, data.servers)));
};
