/**
 * Messaging that uses round-trip times: {@linkcode RttServer} answers probes, and {@linkcode RttClient} uses the
 * fastest server.
 *
 * @module
 */
export * from "./core/chooser.ts";
export * from "./client.ts";
export * from "./core/echo_times.ts";
export * from "./core/estimator.ts";
export * from "./core/policies.ts";
export type * from "./core/policy.ts";
export { formatMs } from "./core/policy.ts";
export {
  MEASURE_TIMEOUT_MS,
  type Measurement,
  type MeasureOptions,
  Prober,
} from "./client/prober.ts";
export * from "./client/rounds.ts";
export * from "./core/netlab_policy.ts";
export * from "./core/rules.ts";
export * from "./server.ts";
