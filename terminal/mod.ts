/**
 * Helps the programs of netlab at the terminal: options and help, errors in one line, signals, questions,
 * tables, colours and log lines. For programs only: libraries never print.
 *
 * @example A whole program
 * ```ts
 * import { print, type Program, runProgram, untilAborted } from "@netlab/terminal";
 * import config from "./deno.json" with { type: "json" };
 *
 * const program = {
 *   name: "netlab sample",
 *   summary: "Listens until it is stopped.",
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
export * from "./input/address.ts";
export * from "./output/screen/colors.ts";
export * from "./output/errors.ts";
export * from "./input/listening.ts";
export * from "./output/screen/live.ts";
export * from "./output/log.ts";
export * from "./input/options.ts";
export * from "./output/print.ts";
export * from "./input/person.ts";
export * from "./program.ts";
export { describeRepeats, Repeats } from "./output/repeats.ts";
export * from "./input/prompt.ts";
export * from "./input/signals.ts";
export * from "./output/screen/sparkline.ts";
export * from "./output/screen/table.ts";
export * from "./output/screen/terminal.ts";
export * from "./output/untrusted.ts";
export * from "./output/screen/width.ts";
