/**
 * A long run under load, faults and attacks, and whether servers keep more and more: {@linkcode runSoak} and
 * {@linkcode trendOf}.
 *
 * @module
 */
export * from "./soak.ts";
export * from "./trend.ts";
