/**
 * Users who are there and do nothing: what each of them costs in memory, and whether the next one joins
 * or leaves as quickly as the first.
 *
 * @module
 */
import type { IdleLoad, IdleResult } from "../load.ts";
import { PROTOCOLS } from "../protocols/mod.ts";
import { heapBytes } from "./inspector.ts";
import { sendOne } from "./latency.ts";
import { Socket } from "./libc.ts";
import { residentBytes } from "./usage.ts";
import { connectPair, join, probe, SilentUsers } from "./users.ts";

/** How long a server gets to settle before its memory is read: milliseconds. */
const SETTLE_MS = 1_500;

/** Lets users join, measures, and lets them leave. */
export async function measureIdle(load: IdleLoad): Promise<IdleResult> {
  const { users, pids, inspector } = load;
  const pair = connectPair(load, 0, 1);
  probe(pair);
  const tenth = Math.ceil(users / 10);
  const sockets: Socket[] = [];
  const silent = new SilentUsers(load);
  silent.add(pair.sender, pair.receiver);
  const before = await memory(pids, inspector);
  const joinFew = add(load, sockets, silent, tenth);
  add(load, sockets, silent, users - 2 * tenth);
  const joinMany = add(load, sockets, silent, tenth);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const after = await memory(pids, inspector);
  const leave = (count: number) =>
    perUser(count, () => {
      for (const socket of sockets.splice(0, count)) socket.close();
      // The server has only one thread: a message comes through when it knows that they have left.
      sendOne(pair, load.lostMs);
    });
  const leaveMany = leave(tenth);
  leave(users - 2 * tenth);
  const leaveFew = leave(tenth);
  return {
    residentBytes: (after.resident - before.resident) / users,
    heapBytes: inspector === undefined ? undefined : (after.heap - before.heap) / users,
    joinFew,
    joinMany,
    leaveMany,
    leaveFew,
  };
}

function add(
  { protocol, port, tag }: IdleLoad,
  sockets: Socket[],
  silent: SilentUsers,
  count: number,
): number {
  return perUser(count, () => {
    for (let left = count; left > 0; left--) {
      const socket = Socket.connect(port);
      const name = `i${tag}${String(sockets.length).padStart(5, "0")}`;
      join(socket, PROTOCOLS[protocol].join(name, "receiver"));
      sockets.push(socket);
      silent.add(socket);
    }
  });
}

/** How long it takes for each of `count` users: microseconds. */
function perUser(count: number, work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1_000 / count;
}

async function memory(
  pids: readonly number[],
  inspector: string | undefined,
): Promise<{ resident: number; heap: number }> {
  const heap = inspector === undefined ? 0 : await heapBytes(inspector);
  return { resident: residentBytes(pids), heap };
}
