/**
 * Users of real servers, processes behind proxies, who move by time: with rounds of four tenths of a second
 * in place of ten, so that what takes a minute takes two seconds here.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { checkHistory, Cluster } from "@netlab/lab";
import type { Decision } from "@netlab/rtt";
import { Load } from "../../lab/load.ts";
import { TestFolder } from "../folders.ts";
import { eventually, storageTest as test } from "../p2p/network.ts";

const USERS = 10;
const ROUND_MS = 400;
/** How soon all are where it has become faster: 4.5 rounds, which are 45 s of ten-second ones. */
const MOVED_MS = 4.5 * ROUND_MS;
/** How soon users of a killed server are on another one: milliseconds. */
const BACK_MS = 2_000;
/** What a busy machine may take on top: milliseconds. */
const BUSY_MS = 1_000;

test("users of real servers move once, come back soon, and lose nothing", async () => {
  using folder = new TestFolder();
  await using cluster = await Cluster.start({
    servers: 3,
    system: "rtt",
    processes: true,
    proxies: true,
    seed: 1,
    data: Deno.realPathSync(folder.path),
  });
  await cluster.linked();
  const delay = (server: number, latencyMs: number) => {
    const faults = { latencyMs, jitterMs: Math.min(4, latencyMs / 3) };
    cluster.servers[server]!.proxy!.set({ toTarget: faults, toClient: faults });
  };
  for (const server of [0, 1, 2]) delay(server, 25);

  const decisions = new Map<string, Decision[]>();
  const used = new Map<string, string | undefined>();
  await using load = await Load.connect({
    system: "rtt",
    servers: cluster.servers.map(({ address }) => address),
    clients: USERS,
    perSecond: 100,
    choice: { roundMs: ROUND_MS, minStayMs: 3 * ROUND_MS },
    onRound: (user, { decision }) => {
      used.set(user, decision.server);
      if (decision.kind === "kept" || decision.kind === "chose") return;
      decisions.set(user, [...decisions.get(user) ?? [], decision]);
    },
    seed: 1,
  });
  const stop = new AbortController();
  const writing = load.run({}, stop.signal);
  const first = cluster.servers[0]!;
  const at = (address: string) => [...used.values()].filter((server) => server === address).length;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  // Equals with jitter: nobody moves in six rounds.
  await pause(6 * ROUND_MS);
  assertEquals([...decisions.values()].flat().map(({ line }) => line), []);
  const before = new Map(used);
  assert(at(first.address) < USERS / 2, `${at(first.address)} of ${USERS} at one of three equals`);

  // One becomes faster for good: all others move there, each once.
  delay(0, 10);
  await eventually("all have moved", () => at(first.address) === USERS, MOVED_MS + BUSY_MS);
  await pause(6 * ROUND_MS);
  for (const [user, server] of before) {
    const moves = (decisions.get(user) ?? []).map(({ kind }) => kind);
    assertEquals(moves, server === first.address ? [] : ["moved"], user);
  }

  // It is killed: all are back on another one.
  const killedAt = performance.now();
  await first.kill();
  await eventually("all have left", () => at(first.address) === 0);
  await eventually("all are back", () => load.counts.offline === 0);
  const backMs = performance.now() - killedAt;
  assert(backMs < BACK_MS, `the last is back after ${backMs} ms`);

  // It comes back, and is the fastest again.
  await first.restart();
  await eventually("all have gone home", () => at(first.address) === USERS);
  stop.abort();
  await writing;
  await load.settle(new AbortController().signal);
  const findings = checkHistory(load.history);
  const { lost, duplicated, unexpected, outOfOrder, doubts, accepted } = findings;
  assertEquals(
    { lost, duplicated, unexpected, outOfOrder, doubts },
    { lost: [], duplicated: [], unexpected: [], outOfOrder: [], doubts: [] },
  );
  assert(accepted > 400, `${accepted} accepted`);
  assertEquals(load.thrownOut, []);
});
