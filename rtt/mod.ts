/**
 * Messaging in which round-trip time decides. An {@linkcode RttServer} answers echoes, and sends messages
 * over the fastest route. An {@linkcode RttClient} measures the servers, uses the best one, and moves when
 * another becomes clearly better.
 *
 * @module
 */
export * from "./core/chooser.ts";
export * from "./client.ts";
export * from "./core/echo_times.ts";
export * from "./core/estimator.ts";
export * from "./core/policies.ts";
export type * from "./core/policy.ts";
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
