/**
 * The laboratory: {@linkcode Cluster} runs servers and crashes them, {@linkcode FaultProxy} makes links
 * worse, {@linkcode Process} runs any program, and {@linkcode checkHistory} says whether the network kept
 * its promises.
 *
 * @module
 */
export * from "./checker/checker.ts";
export * from "./cluster/cluster.ts";
export * from "./proxy/fault_proxy.ts";
export * from "./cluster/ports.ts";
export * from "./cluster/process.ts";
export { formatFindings } from "./checker/report.ts";
export type { Faults } from "./proxy/faults.ts";
