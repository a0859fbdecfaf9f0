/**
 * The checker of the laboratory: {@linkcode checkHistory} says whether a run kept the guarantees of the
 * network, and {@linkcode formatFindings} shows the findings as text.
 *
 * @module
 */
export * from "./checker.ts";
export { formatFindings } from "./report.ts";
