/**
 * The laboratory: {@linkcode Cluster} runs servers and crashes them, {@linkcode FaultProxy} makes links
 * worse, {@linkcode Process} runs any program, and {@linkcode checkHistory} says whether the network kept
 * its promises.
 *
 * @module
 */
export * from "./checker.ts";
export * from "./cluster.ts";
export * from "./fault_proxy.ts";
export * from "./ports.ts";
export * from "./process.ts";
export { formatFindings } from "./report.ts";
export type { Faults } from "./faults.ts";
