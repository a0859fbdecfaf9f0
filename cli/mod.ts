/**
 * What the programs of netlab share at the terminal: options and help, errors in one line, signals,
 * tables, colours, questions and log lines. For programs only: libraries never print.
 *
 * @example A whole program
 * ```ts
 * import { print, type Program, runProgram, untilAborted } from "@netlab/cli";
 * import config from "./deno.json" with { type: "json" };
 *
 * const program = {
 *   name: "netlab sample",
 *   summary: "Listens until it is told to stop.",
 *   version: config.version,
 *   usage: "deno task sample [--port PORT]",
 *   options: {
 *     port: { kind: "port", default: 5001, help: "Where to listen." },
 *   },
 *   examples: [{ command: "deno task sample --port 5002", what: "Listens on another port" }],
 * } as const satisfies Program;
 *
 * if (import.meta.main) {
 *   await runProgram(program, async (options, stop) => {
 *     using listener = Deno.listen({ hostname: "127.0.0.1", port: options.port });
 *     print(`Listening on port ${listener.addr.port}`);
 *     await untilAborted(stop);
 *     return 0;
 *   });
 * }
 * ```
 *
 * @module
 */
export * from "./address.ts";
export * from "./colors.ts";
export * from "./errors.ts";
export * from "./listening.ts";
export * from "./live.ts";
export * from "./log.ts";
export * from "./options.ts";
export * from "./print.ts";
export * from "./program.ts";
export * from "./prompt.ts";
export * from "./signals.ts";
export * from "./table.ts";
export * from "./terminal.ts";
export * from "./width.ts";
