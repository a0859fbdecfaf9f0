/**
 * One message alone: how long it takes from the sender's write until the receiver has all of it. The
 * receiver looks again and again instead of sleeping, so that only the server's way is measured.
 *
 * @module
 */
import type { LatencyLoad, LatencyResult } from "../load.ts";
import { percentile } from "../statistics.ts";
import { connectPair, hear, inbox, type Pair, probe, receive, sendAll, until } from "./users.ts";

/** Sends one message after the other. */
export function measureLatency(load: LatencyLoad): LatencyResult {
  const pair = connectPair(load, 0, 1);
  probe(pair);
  const warmUntil = performance.now() + load.warmMs;
  while (performance.now() < warmUntil) sendOne(pair, load.lostMs);
  const taken: number[] = [];
  const end = performance.now() + load.ms;
  while (performance.now() < end) taken.push(sendOne(pair, load.lostMs));
  const sorted = Float64Array.from(taken).sort();
  return {
    p50: percentile(sorted, 0.5) * 1_000,
    p99: percentile(sorted, 0.99) * 1_000,
    sent: taken.length,
  };
}

/** Sends one message and waits for it; how long it took: milliseconds. */
function sendOne(
  { sender, receiver, batch, counter, answers }: Pair,
  lostMs: number,
): number {
  const bytes = batch.next(1);
  const listening = receiver ?? sender;
  const start = performance.now();
  sendAll(sender, bytes);
  let end = start;
  until("a message arrives", () => {
    const length = receive(listening);
    end = performance.now();
    return length > 0 && counter.take(inbox, length) > 0;
  }, lostMs);
  const reply = counter.reply?.();
  if (reply) sendAll(listening, reply);
  if (receiver) hear(sender, answers);
  return end - start;
}
