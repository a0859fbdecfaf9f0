/**
 * The generator: a process of its own, so that it has a core of its own. Takes a load as JSON on its
 * command line, and prints what came of it as JSON; what went wrong is one line on standard error.
 *
 * @module
 */
import { describeError, print, printError } from "@netlab/terminal";
import type { FirstLoad, FirstResult, Load, Results } from "../load.ts";
import { measureCrowd } from "./crowd.ts";
import { measureIdle } from "./idle.ts";
import { measureLatency } from "./latency.ts";
import { Socket } from "./libc.ts";
import { measureRate } from "./rate.ts";
import { connectPair, probe, until } from "./users.ts";

/** How long a server may take to start: milliseconds. */
const START_MS = 15_000;

function measure(load: Load): Results[Load["kind"]] | Promise<Results["idle"]> {
  switch (load.kind) {
    case "rate":
      return measureRate(load);
    case "latency":
      return measureLatency(load);
    case "idle":
      return measureIdle(load);
    case "crowd":
      return measureCrowd(load);
    case "first":
      return measureFirst(load);
  }
}

/** Says that it is ready, and waits for the server. */
function measureFirst(load: FirstLoad): FirstResult {
  print("ready");
  let socket: Socket | undefined;
  until(
    "the server listens",
    () => (socket = Socket.tryConnect(load.port)) !== undefined,
    START_MS,
  );
  socket!.close();
  const pair = connectPair(load, 0, 1);
  probe(pair);
  return { deliveredAt: performance.timeOrigin + performance.now() };
}

if (import.meta.main) {
  try {
    print(JSON.stringify(await measure(JSON.parse(Deno.args[0]!))));
    Deno.exit(0);
  } catch (error) {
    printError(describeError(error));
    Deno.exit(1);
  }
}
