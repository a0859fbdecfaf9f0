/**
 * Real servers for experiments: {@linkcode Cluster} starts, kills and partitions servers,
 * {@linkcode Process} runs any program, and {@linkcode freePorts} finds ports.
 *
 * @module
 */
export * from "./cluster.ts";
export { DEADLINE_MS, withDeadline } from "./deadline.ts";
export * from "./nats_servers.ts";
export * from "./ports.ts";
export * from "./process.ts";
export * from "./resources.ts";
