/**
 * A TCP proxy with faults: {@linkcode FaultProxy} delays, slices, holds or loses the bytes of any TCP
 * program.
 *
 * @module
 */
export * from "./fault_proxy.ts";
export * from "./faults.ts";
