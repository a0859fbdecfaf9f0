/**
 * Messaging in which time decides: {@linkcode RttServer} answers probes, {@linkcode RttClient} uses
 * the server that answers fastest.
 *
 * @module
 */
export * from "./core/chooser.ts";
export * from "./client.ts";
export * from "./core/echo_times.ts";
export * from "./core/estimator.ts";
export * from "./core/policies.ts";
export type * from "./core/policy.ts";
export { ASK_MS, type ProbeAnswer, type ProbeOptions, Prober } from "./client/prober.ts";
export * from "./client/rounds.ts";
export * from "./core/rules.ts";
export * from "./core/selector.ts";
export * from "./server.ts";
