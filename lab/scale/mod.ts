/**
 * Simulates networks that grow, and fits curves to what each server sends: {@linkcode simulatePairs} runs them,
 * {@linkcode curvesOf} fits, {@linkcode drawScale} and {@linkcode scalePage} show the results.
 *
 * @module
 */
export * from "./report/chart.ts";
export * from "./report/fit.ts";
export * from "./report/format.ts";
export * from "./link_traffic.ts";
export * from "./networks.ts";
export * from "./report/numbers.ts";
export * from "./report/page.ts";
export * from "./pairs.ts";
export * from "./population.ts";
export * from "./real_servers.ts";
export * from "./report/report.ts";
export * from "./simulate_scale.ts";
