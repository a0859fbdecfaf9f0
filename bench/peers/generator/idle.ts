/**
 * Users who are there and do nothing: what each of them costs in memory.
 *
 * @module
 */
import type { IdleLoad, IdleResult } from "../load.ts";
import { heapBytes } from "./inspector.ts";
import { residentBytes } from "./memory.ts";
import { connectPair, connectUser, probe, SilentUsers } from "./users.ts";

/** How long a server gets to settle before its memory is read: milliseconds. */
const SETTLE_MS = 1_500;

/** Lets users join, and measures before and after. */
export async function measureIdle(load: IdleLoad): Promise<IdleResult> {
  const { users, pids, inspector, tag } = load;
  const pair = connectPair(load, 0, 1);
  probe(pair);
  const silent = new SilentUsers(load);
  silent.add(pair.sender, pair.receiver);
  const before = await memory(pids, inspector);
  for (let index = 0; index < users; index++) {
    silent.add(connectUser(load, `i${tag}${String(index).padStart(5, "0")}`));
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const after = await memory(pids, inspector);
  return {
    residentBytes: (after.resident - before.resident) / users,
    heapBytes: inspector === undefined ? undefined : (after.heap - before.heap) / users,
  };
}

async function memory(
  pids: readonly number[],
  inspector: string | undefined,
): Promise<{ resident: number; heap: number }> {
  const heap = inspector === undefined ? 0 : await heapBytes(inspector);
  return { resident: residentBytes(pids), heap };
}
