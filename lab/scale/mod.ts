/**
 * Simulates networks that grow, and fits curves to what each server sends: {@linkcode simulatePairs} runs them,
 * {@linkcode curvesOf} fits, {@linkcode drawScale} and {@linkcode scalePage} show the results.
 *
 * @module
 */
export * from "./chart.ts";
export * from "./fit.ts";
export * from "./format.ts";
export * from "./link_traffic.ts";
export * from "./networks.ts";
export * from "./numbers.ts";
export * from "./page.ts";
export * from "./pairs.ts";
export * from "./population.ts";
export * from "./real_servers.ts";
export * from "./report.ts";
export * from "./simulate_scale.ts";
