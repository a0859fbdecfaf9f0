/**
 * The program `basic:client`: greets the servers that its options name, once or repeatedly, and prints the
 * results. Owns the options and the output; the greeting itself is passed in.
 *
 * @module
 */
import { DEFAULT_HOST, DEFAULT_PORTS } from "@netlab/protocol/address";
import {
  dim,
  pause,
  print,
  runProgram,
  toJson,
  unlessAborted,
  UsageError,
  written,
} from "@netlab/terminal";
import type { greetAll } from "../client.ts";
import config from "../deno.json" with { type: "json" };
import { greetingTable } from "./greeting_table.ts";

/** The time between rounds of `--watch` without `--every`: seconds. */
const DEFAULT_EVERY_SECONDS = 2;

/** Runs the program, which greets with `greet`, and ends the process. */
export async function runClientProgram(greet: typeof greetAll): Promise<never> {
  return await runProgram({
    name: "netlab basic client",
    summary:
      "Greets servers, all at the same time, and shows which of them answered and how fast. " +
      "The exit code is 1 when one did not answer.",
    version: config.version,
    usage: "deno task basic:client [SERVER ...] [options]",
    options: {
      server: {
        kind: "address",
        repeat: true,
        positional: true,
        help: "Greet this server: HOST:PORT, or a port of this machine. The name of the option " +
          `may be left out. Default: ports ${DEFAULT_PORTS.join(", ")} of ${DEFAULT_HOST}.`,
      },
      json: {
        kind: "flag",
        help: "Print one line of JSON for each server: time, address, answered, ms, and reason " +
          "when it did not answer.",
      },
      watch: {
        kind: "flag",
        help: "Greet the servers repeatedly until ctrl-C. The exit code is then 0.",
      },
      every: {
        kind: "seconds",
        help: "With --watch: the time from the start of one round to the next. " +
          `Default: ${DEFAULT_EVERY_SECONDS}.`,
      },
    },
    examples: [
      { command: "deno task basic:client", what: "Greet the five default servers" },
      { command: "deno task basic:client 5002", what: "Greet the server on port 5002" },
      { command: "deno task basic:client --watch --every 0.5", what: "Greet them twice a second" },
      { command: "deno task basic:client --json | jq .ms", what: "Print only the times" },
    ],
  }, async ({ server, json, watch, every }, stop) => {
    if (every !== undefined && !watch) throw new UsageError("Option --every needs --watch");
    if (server.some(({ tls }) => tls)) {
      throw new UsageError("Option --server: these servers do not use TLS, so leave out tls://");
    }
    const addresses = server.length > 0
      ? server
      : DEFAULT_PORTS.map((port) => ({ hostname: DEFAULT_HOST, port }));

    /** Greets all servers, prints the results, and returns whether all answered. */
    const round = async (time: Date): Promise<boolean> => {
      const greetings = await greet(addresses, { signal: stop });
      const lines = json
        ? greetings.map((greeting) => toJson({ time, ...greeting }))
        : greetingTable(greetings);
      if (watch && !json) lines.unshift(dim(time.toTimeString().slice(0, 8)));
      for (const line of lines) print(line);
      return greetings.every(({ answered }) => answered);
    };

    if (!watch) return await round(new Date()) ? 0 : 1;
    const everyMs = (every ?? DEFAULT_EVERY_SECONDS) * 1_000;
    try {
      for (;;) {
        const started = performance.now();
        await round(new Date());
        if (!json) print();
        await unlessAborted(written(), stop);
        await unlessAborted(pause(everyMs - (performance.now() - started)), stop);
      }
    } catch (error) {
      // Watching has no end of its own, so being stopped is success.
      if (error === stop.reason) return 0;
      throw error;
    }
  });
}
