/**
 * The laboratory: {@linkcode FaultProxy} makes links worse.
 *
 * @module
 */
export * from "./fault_proxy.ts";
export type { Faults } from "./faults.ts";
