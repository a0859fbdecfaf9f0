/**
 * Users of real servers behind proxies who move by round-trip time. Rounds take 0.4 seconds instead of ten,
 * so that a minute passes in about two seconds.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { checkHistory, Cluster } from "@netlab/lab";
import type { Decision } from "@netlab/rtt";
import { Load } from "@netlab/lab/load";
import { TestFolder } from "../folders.ts";
import { eventually, storageTest as test } from "../p2p/network.ts";

const USERS = 10;
const ROUND_MS = 400;
/** How long users may take to move. Even a busy machine measures the latencies in this time: milliseconds. */
const MOVED_MS = 60_000;

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
  // With these latencies, a move must gain 40 ms. A busy machine does not slow one server by that much.
  for (const server of [0, 1, 2]) delay(server, 60);

  /** The decisions of each user, round by round. */
  const rounds = new Map<string, Decision[]>();
  await using load = await Load.connect({
    system: "rtt",
    servers: cluster.servers.map(({ address }) => address),
    clients: USERS,
    perSecond: 50,
    absences: false,
    choice: { roundMs: ROUND_MS, minStayMs: 3 * ROUND_MS },
    onRound: (user, { decision }) => rounds.set(user, [...rounds.get(user) ?? [], decision]),
    seed: 1,
  });
  const stop = new AbortController();
  const writing = load.run({}, stop.signal);
  const first = cluster.servers[0]!;
  const at = (address: string) =>
    [...rounds.values()].filter((decisions) => decisions.at(-1)!.server === address).length;
  /** Waits until every user has done this many rounds from now on, and returns them. */
  const next = async (count: number) => {
    const from = new Map([...rounds].map(([user, { length }]) => [user, length]));
    const since = () =>
      [...rounds].map(([user, all]) => ({ user, decisions: all.slice(from.get(user)) }));
    await eventually("rounds", () => since().every(({ decisions }) => decisions.length >= count));
    return since();
  };
  const moves = (decisions: Decision[]) => decisions.filter(({ kind }) => kind !== "kept");

  // Equally fast servers with jitter: nobody moves once they are measured well.
  await next(3);
  assertEquals((await next(6)).flatMap(({ decisions }) => moves(decisions)), []);
  assert(at(first.address) < USERS, "all are at one of three equals");

  // One server becomes faster: all other users move there, once each. Another test checks how soon.
  const before = new Map([...rounds].map(([user, all]) => [user, all.at(-1)!.server]));
  const from = new Map([...rounds].map(([user, { length }]) => [user, length]));
  delay(0, 10);
  await eventually("all have moved", () => at(first.address) === USERS, MOVED_MS);
  await next(6);
  for (const [user, all] of rounds) {
    const made = moves(all.slice(from.get(user))).map(({ kind }) => kind);
    assertEquals(made, before.get(user) === first.address ? [] : ["moved"], user);
  }

  // It is killed: all users connect to another server. `lab failover` measures how soon.
  await first.kill();
  await eventually("all have left", () => at(first.address) === 0);
  await eventually("all are back", () => load.counts.offline === 0);

  // It starts again, and is the fastest again.
  await first.restart();
  await eventually("all have gone home", () => at(first.address) === USERS, MOVED_MS);
  stop.abort();
  await writing;
  await load.settle(new AbortController().signal);
  const findings = checkHistory(load.history);
  const { lost, duplicated, unexpected, outOfOrder, doubts, accepted } = findings;
  assertEquals(
    { lost, duplicated, unexpected, outOfOrder, doubts },
    { lost: [], duplicated: [], unexpected: [], outOfOrder: [], doubts: [] },
  );
  assert(accepted > 200, `${accepted} accepted`);
  assertEquals(load.thrownOut, []);
});
