/**
 * The laboratory: {@linkcode Cluster} runs servers and crashes them, {@linkcode FaultProxy} makes links
 * worse, and {@linkcode Process} runs any program.
 *
 * @module
 */
export * from "./cluster.ts";
export * from "./fault_proxy.ts";
export * from "./ports.ts";
export * from "./process.ts";
export type { Faults } from "./faults.ts";
