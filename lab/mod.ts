/**
 * The laboratory: {@linkcode Cluster} runs servers and crashes them, {@linkcode FaultProxy} makes
 * connections worse, {@linkcode Process} runs any program, and {@linkcode checkHistory} says whether the
 * network kept its guarantees. The simulator is in `@netlab/lab/simulator`.
 *
 * @module
 */
export * from "./checker/mod.ts";
export * from "./cluster/mod.ts";
export * from "./proxy/fault_proxy.ts";
export type { Faults } from "./proxy/faults.ts";
