/**
 * Messaging in which time decides: {@linkcode RttServer} answers probes, {@linkcode RttClient} uses
 * the server that answers fastest.
 *
 * @module
 */
export * from "./chooser.ts";
export * from "./client.ts";
export * from "./echo_times.ts";
export * from "./estimator.ts";
export * from "./policies.ts";
export type * from "./policy.ts";
export { ASK_MS, type ProbeAnswer, type ProbeOptions, Prober } from "./prober.ts";
export * from "./rounds.ts";
export * from "./rules.ts";
export * from "./selector.ts";
export * from "./server.ts";
