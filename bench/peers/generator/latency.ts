/**
 * The time that one message takes while no other is in flight.
 *
 * @module
 */
import { quantile } from "simple-statistics";
import type { Load, Result } from "../load.ts";
import { Crowd, type Pair, sendAll, take, takeAnswers, until } from "./users.ts";

/** Sends one message after the other between a pair, and measures how long each takes. */
export function measureLatency(load: Load, pair: Pair = new Crowd(load).addPair(1)): Result {
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
