/**
 * Compares the policies of the rtt client on latency traces: {@linkcode makeTrace} or
 * {@linkcode readTrace} gives a trace, {@linkcode replay} replays it through a policy, and
 * {@linkcode summarize}, {@linkcode drawTerminal} and {@linkcode drawSvg} show the results.
 *
 * @module
 */
export * from "./kinds.ts";
export * from "./picture.ts";
export * from "./replay.ts";
export * from "./totals.ts";
export * from "./trace.ts";
