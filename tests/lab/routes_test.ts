/**
 * The routes between servers: simulated networks with a latency on every link, and real servers behind
 * proxies.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { Cluster } from "@netlab/lab";
import { DIRECT_MS, LEG_MS, runDetour } from "@netlab/lab/scenarios";
import { fastest, makeRoutesPlan, simulateRoutes } from "@netlab/lab/simulator";
import { eventually, nextMessage, processTest, socketTest } from "../p2p/network.ts";

Deno.test({
  name: "routes plans are connected networks of 5 to 200 servers",
  permissions: "none",
  fn() {
    const counts = new Set<number>();
    for (let seed = 1; seed <= 100; seed++) {
      const plan = makeRoutesPlan(seed);
      counts.add(plan.servers);
      assert(plan.servers >= 5 && plan.servers <= 200);
      assert(fastest(plan, 0).every((ms) => ms < Infinity), `seed ${seed}`);
    }
    assert(counts.size > 50);
    assertEquals(makeRoutesPlan(1, 17).servers, 17);
  },
});

Deno.test({
  name: "fastest routes of a plan take a detour where that is faster",
  permissions: "none",
  fn() {
    const links = [{ a: 0, b: 2, ms: 80 }, { a: 0, b: 1, ms: 10 }, { a: 2, b: 1, ms: 10 }];
    assertEquals(fastest({ seed: 1, servers: 3, links }, 0), [0, 10, 20]);
    assertEquals(fastest({ seed: 1, servers: 4, links }, 2), [20, 10, 0, Infinity]);
  },
});

Deno.test({
  name:
    "simulated servers find the fastest routes soon after every change, and lose nothing meanwhile",
  permissions: "none",
  fn() {
    for (const [seed, servers] of [[1, 5], [2, 12], [3, 30]] as const) {
      const { problems, changes, findings } = simulateRoutes(makeRoutesPlan(seed, servers));
      assertEquals({ seed, problems }, { seed, problems: [] });
      assert(findings.seen > 300);
      assertEquals(changes[0]!.change, "start");
      assert(changes.every(({ frames, change }) => change === "measured" || frames > 0));
    }
  },
});

Deno.test({
  name:
    "simulated routes are the same for the same seed, byte for byte, and others for another seed",
  permissions: "none",
  fn() {
    const run = (seed: number) => {
      const lines: string[] = [];
      const { digest, changes } = simulateRoutes(
        makeRoutesPlan(seed, 6),
        (line) => lines.push(line),
      );
      return { digest, changes, lines };
    };
    const first = run(5);
    assert(first.lines.length > 1_000);
    assertEquals(run(5), first);
    assertNotEquals(run(6).digest, first.digest);
  },
});

processTest(
  "servers send messages over a detour while it is faster, and else over the direct link",
  async () => {
    const told: string[] = [];
    const { detourMs, directMs, restoredMs, findings } = await runDetour((line) => told.push(line));
    const log = told.join("\n");
    assert(directMs >= DIRECT_MS, `${directMs} ms over the direct link\n${log}`);
    // No message over the direct link is this fast.
    for (const ms of [detourMs, restoredMs]) {
      assert(ms >= 2 * LEG_MS && ms < DIRECT_MS, `${ms} ms over the detour\n${log}`);
    }
    assertEquals(findings.exitCode, 0, log);
    assertEquals(findings.seen, findings.sent);
    const why = /^log of A: route to C: via B, [\d.]+ ms round trip; direct: /;
    assert(told.some((line) => why.test(line)), log);
  },
);

socketTest("servers avoid a silent link before they close it", async () => {
  await using cluster = await Cluster.start({ servers: 3, proxies: true, seed: 1 });
  await cluster.linked();
  const join = (name: string, server: number) =>
    P2pClient.connect({ name, servers: [cluster.servers[server]!.address] });
  await using alice = await join("Alice", 0);
  await using bob = await join("Bob", 1);
  await eventually("Bob is known", async () => (await alice.users()).includes("Bob"));
  await alice.send("Bob", "before");
  assertEquals((await nextMessage(bob)).text, "before");
  cluster.partition([0], [1]);
  const start = performance.now();
  await alice.send("Bob", "in the silence");
  assertEquals((await nextMessage(bob)).text, "in the silence");
  const ms = performance.now() - start;
  assert(ms > 100, `${ms} ms`);
  // The servers close the link after 2.5 s.
  assertEquals(cluster.servers[0]!.links, 2, "the link was closed before");
  cluster.heal();
});
