/**
 * The generator: a process of its own, on a core of its own. It takes a load as JSON on its command line
 * and prints the result as JSON, or one line on standard error.
 *
 * @module
 */
import { describeError, print, printError } from "@netlab/terminal";
import { quantile } from "simple-statistics";
import type { Load, Result } from "../load.ts";
import { measureCrowd, measureIdle } from "./crowd.ts";
import { Socket } from "./libc.ts";
import { measureRate } from "./rate.ts";
import { Crowd, type Pair, sendAll, take, takeAnswers, until } from "./users.ts";

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
    case "crowd":
      return measureCrowd(load);
    case "first":
      return measureFirst(load);
  }
}

/** Sends one message after the other and measures how long each takes. */
function measureLatency(load: Load<"latency">): Result {
  const pair = new Crowd(load).addPair(1);
  const sendFor = (ms: number) => {
    const times: number[] = [];
    const end = performance.now() + ms;
    while (performance.now() < end) times.push(sendOne(pair, load.lostMs));
    return times;
  };
  sendFor(load.warmMs);
  const times = sendFor(load.ms);
  const [p50, p99] = quantile(times, [0.5, 0.99]);
  return { p50: p50! * 1_000, p99: p99! * 1_000, sent: times.length };
}

/** Sends a message and waits until it has arrived. Returns how long that took: milliseconds. */
function sendOne(pair: Pair, lostMs: number): number {
  const bytes = pair.batch.next(1);
  const start = performance.now();
  sendAll(pair.sender, bytes);
  until("a message arrives", () => take(pair) > 0, lostMs);
  const ms = performance.now() - start;
  if (pair.receiver) takeAnswers(pair);
  return ms;
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
