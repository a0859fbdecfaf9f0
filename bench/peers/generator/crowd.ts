/**
 * The memory that idle users take; and the cost of a message, or of a user who joins or leaves, while
 * more and more users are connected to one server.
 *
 * @module
 */
import type { Cost, Load, Result } from "../load.ts";
import { measureLatency } from "./latency.ts";
import type { Socket } from "./libc.ts";
import { heapBytes, residentBytes } from "./memory.ts";
import { measureTraffic, startUsage } from "./rate.ts";
import { Crowd, inbox, type Pair, until } from "./users.ts";

/** Pairs with a message in flight at the same time, so that the server is always busy. */
const ACTIVE = 4;
/** Users who join and leave in one measurement. */
const VISITORS = 1_000;
/**
 * How much longer than other loads the first measurement of visitors takes to warm up: the server has
 * compiled everything after some 20,000 of them.
 */
const FIRST_WARM = 10;
/** How much longer than other loads a later measurement of visitors takes to warm up. */
const WARM = 2;

/** Milliseconds in which a server may settle before its memory is read. */
const SETTLE_MS = 1_500;

/** Connects users and compares the server's memory before and after. */
export async function measureIdle(load: Load<"idle">): Promise<Result> {
  const { users, pids, inspector } = load;
  const crowd = new Crowd(load);
  crowd.addPair(1);
  const heapBefore = inspector === undefined ? 0 : await heapBytes(inspector);
  const residentBefore = residentBytes(pids);
  for (let i = 0; i < users; i++) crowd.addUser();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return {
    ...inspector !== undefined && { heapBytes: (await heapBytes(inspector) - heapBefore) / users },
    residentBytes: (residentBytes(pids) - residentBefore) / users,
  };
}

/** Connects users one after the other, and then sends messages between two of them. */
export async function measureMany(load: Load<"many">): Promise<Result> {
  const { users, pids } = load;
  const crowd = new Crowd(load);
  const pair = crowd.addPair(1);
  const before = residentBytes(pids);
  const start = performance.now();
  for (let i = 0; i < users; i++) crowd.addUser();
  const joinRate = users / (performance.now() - start) * 1_000;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const residentOfEach = (residentBytes(pids) - before) / users;
  return { ...measureLatency(load, pair), joinRate, residentBytes: residentOfEach };
}

/** Connects more and more users, and measures at each number. */
export function measureCrowd(load: Load<"crowd">): Result {
  return load.what === "messages" ? measureMessages(load) : measureVisitors(load);
}

function measureMessages(load: Load<"crowd">): Result {
  const crowd = new Crowd(load);
  const pairs: Pair[] = [];
  const write = (some: readonly Pair[]): Cost => {
    const { rate, serverCpu } = measureTraffic(
      { ...load, ms: load.ms / load.users.length },
      some,
      1,
      ACTIVE,
    );
    return { cpu: serverCpu / rate * 1e6, clock: 1e6 / rate };
  };
  const result = { few: [] as Cost[], all: [] as Cost[] };
  let connected = 0;
  for (const count of load.users) {
    while (connected < count) {
      const pair = crowd.addPair(1);
      pairs.push(pair);
      connected += pair.receiver ? 2 : 1;
    }
    result.few.push(write(pairs.slice(0, ACTIVE)));
    result.all.push(write(pairs));
  }
  return result;
}

function measureVisitors(load: Load<"crowd">): Result {
  const crowd = new Crowd(load);
  const result = { join: [] as Cost[], leave: [] as Cost[] };
  let connected = 0;
  for (const [index, count] of load.users.entries()) {
    for (; connected < count; connected++) crowd.addUser();
    const warmUntil = performance.now() + load.warmMs * (index === 0 ? FIRST_WARM : WARM);
    while (performance.now() < warmUntil) joinAndLeave(crowd, load.pids);
    const { join, leave } = joinAndLeave(crowd, load.pids);
    result.join.push(join);
    result.leave.push(leave);
  }
  return result;
}

/**
 * Lets users join one after the other and then leave one after the other. A user has left when the server
 * has closed its half of the connection.
 */
function joinAndLeave(crowd: Crowd, pids: readonly number[]): { join: Cost; leave: Cost } {
  const visitors: Socket[] = [];
  const join = costOfEach(pids, () => {
    while (visitors.length < VISITORS) visitors.push(crowd.connectVisitor());
  });
  const leave = costOfEach(pids, () => {
    for (const socket of visitors) {
      socket.end();
      until("the server closes the connection", () => socket.receive(inbox) === 0);
      socket.close();
    }
  });
  return { join, leave };
}

function costOfEach(pids: readonly number[], work: () => void): Cost {
  const usage = startUsage(pids);
  work();
  const { seconds, serverCpu } = usage();
  return { cpu: seconds * serverCpu * 1e6 / VISITORS, clock: seconds * 1e6 / VISITORS };
}
