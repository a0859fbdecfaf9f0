/**
 * Scenarios on real servers: {@linkcode measureFailover} and {@linkcode runDetour}.
 *
 * @module
 */
export * from "./detour.ts";
export * from "./failover.ts";
