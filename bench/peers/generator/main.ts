/**
 * The generator: a process of its own, on a core of its own. It takes a load as JSON on its command line
 * and prints the result as JSON, or one line on standard error.
 *
 * @module
 */
import { describeError, print, printError } from "@netlab/terminal";
import type { Load, Result } from "../load.ts";
import { measureCrowd, measureIdle, measureMany } from "./crowd.ts";
import { measureLatency } from "./latency.ts";
import { Socket } from "./libc.ts";
import { measureRate } from "./rate.ts";
import { Crowd } from "./users.ts";

/** Milliseconds that a server may take to start. */
const START_MS = 15_000;

function measure(load: Load): Result | Promise<Result> {
  switch (load.kind) {
    case "rate":
      return measureRate(load);
    case "latency":
      return measureLatency(load);
    case "idle":
      return measureIdle(load);
    case "many":
      return measureMany(load);
    case "crowd":
      return measureCrowd(load);
    case "first":
      return measureFirst(load);
  }
}

/** Prints that it is ready, and waits for the server. */
function measureFirst(load: Load<"first">): Result {
  print("ready");
  Socket.connect(load.port, START_MS).close();
  new Crowd(load).addPair(1);
  return { deliveredAt: performance.timeOrigin + performance.now() };
}

/** Runs a generator: prints what `work` returns, and ends the process. */
export async function runGenerator<L>(work: (load: L) => Result | Promise<Result>): Promise<never> {
  try {
    print(JSON.stringify(await work(JSON.parse(Deno.args[0]!))));
    Deno.exit(0);
  } catch (error) {
    printError(describeError(error));
    Deno.exit(1);
  }
}

if (import.meta.main) await runGenerator(measure);
