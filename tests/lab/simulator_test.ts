/**
 * The simulator: the same seed gives the same run, the shipped code keeps its guarantees in it, and a
 * broken disk is noticed and the failing run made smaller.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { makePlan, shrink, simulate } from "@netlab/lab/simulator";

Deno.test({
  name:
    "simulator gives the same trace for the same seed, byte for byte, and another for another seed",
  permissions: "none",
  fn() {
    const run = (seed: number) => {
      const lines: string[] = [];
      const { digest } = simulate(makePlan(seed), { trace: (line) => lines.push(line) });
      return { digest, lines };
    };
    const first = run(7);
    assert(first.lines.length > 1_000);
    assertEquals(run(7), first);
    assertNotEquals(run(11).digest, first.digest);
  },
});

Deno.test({
  name: "simulator plans networks of 3 to 25 connected servers in which things go wrong",
  permissions: "none",
  fn() {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      const { servers, links, users, actions, stormMs } = makePlan(seed);
      assert(servers >= 3 && servers <= 25 && users >= 2);
      const reached = new Set([0]);
      for (let before = 0; before < reached.size;) {
        before = reached.size;
        for (const [a, b] of links) if (reached.has(a) || reached.has(b)) reached.add(a).add(b);
      }
      assertEquals(reached.size, servers);
      for (const { at, kind } of actions) {
        assert(at >= 0 && at <= stormMs);
        kinds.add(kind);
      }
    }
    assertEquals([...kinds].sort(), [
      "crash",
      "cut",
      "damage",
      "drain",
      "leave",
      "move",
      "partition",
      "post",
      "power",
      "refuse",
      "send",
      "tear",
    ]);
  },
});

Deno.test({
  name: "simulated networks keep every guarantee",
  permissions: "none",
  fn() {
    // In the last run, routes change so that a later message would overtake an earlier one.
    let [posted, guaranteed] = [0, 0];
    for (const seed of [1_001, 1_002, 1_003, 1_004, 5_102]) {
      const { exitCode, findings, disagreements } = simulate(makePlan(seed));
      assertEquals({ seed, exitCode, disagreements }, { seed, exitCode: 0, disagreements: [] });
      assert(findings.accepted > 0);
      posted += findings.posts.posted;
      guaranteed += findings.posts.guaranteed;
    }
    assert(
      guaranteed > 0 && guaranteed < posted,
      `${guaranteed} of ${posted} posts had to be seen`,
    );
  },
});

Deno.test({
  name:
    "simulator notices disks that report messages as stored too early, and needs few actions for it",
  permissions: "none",
  async fn() {
    const broken = { brokenDisks: true };
    // One of these is enough. A change of the code under test may save some of them by chance.
    const plans = [205, 217, 228, 238].map(makePlan);
    const plan = plans.find((plan) => simulate(plan, broken).findings.lost.length > 0);
    assert(plan, "nothing was lost with broken disks");
    assertEquals(simulate(plan).exitCode, 0);
    const places = await shrink(plan, { ...broken, tries: 60 });
    assert(places.length < plan.actions.length / 4, `${places.length} of ${plan.actions.length}`);
    const kinds = new Set(places.map((place) => plan.actions[place]!.kind));
    assert(kinds.has("send") && kinds.has("crash"), [...kinds].join());
    assertEquals(simulate(plan, { ...broken, only: new Set(places) }).exitCode, 1);
  },
});

Deno.test({
  name: "simulator finds the guarantees kept when the servers may store hardly anything",
  permissions: "none",
  fn() {
    for (const seed of [7, 12, 14]) {
      for (const limits of [{ maxTotalMessages: 1 }, { maxMessages: 2, maxRecipients: 2 }]) {
        const { findings, disagreements, exitCode } = simulate(makePlan(seed), { limits });
        assertEquals([exitCode, disagreements], [0, []], `seed ${seed}`);
        assert(findings.accepted > 0 && findings.refused > 0, `seed ${seed} tests no limit`);
      }
    }
  },
});
