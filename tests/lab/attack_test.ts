import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { failuresOf, limitMs, type Measured, SCENARIOS } from "@netlab/lab/attack";
import { growthOf, type RestPoint, trendOf } from "@netlab/lab/soak";
import { linuxProcessTest, processTest, pureTest as test } from "../kinds.ts";
import { Process } from "../processes.ts";

const MIB = 1024 * 1024;
const LAB = "lab/terminal/lab.ts";
const permissions = [
  "--allow-net=127.0.0.1,localhost",
  "--allow-read=.",
  "--allow-write=./data",
  `--allow-run=${Deno.execPath()}`,
];
const latency = (p99: number) => ({ p50: 1, p90: 2, p99, max: p99 });

/** What a scenario measures if nothing is wrong. */
const good: Measured = {
  before: latency(4),
  during: latency(9),
  after: latency(4),
  control: latency(4),
  attackerShare: 0.5,
  serverShare: 0.5,
  recoveryMs: 0,
  memory: { before: 30 * MIB, peak: 40 * MIB, backMs: 0 },
  descriptors: { before: 30, peak: 40, backMs: 100 },
  logBytes: 1_000,
  lostLinks: 0,
  crashed: 0,
  honest: { sent: 1_000, failed: 0, kept: true, findings: [] },
  attacker: { ms: 5_000, connections: 1, closedByOthers: 0, sentBytes: 1, readBytes: 1 },
};

test("an attack has failed if honest users notice less than ten milliseconds of it", () => {
  assertEquals([limitMs(good), failuresOf(good)], [10, []]);
});

test("an attack may slow honest users down as much as a harmless program, twice", () => {
  const control = latency(30);
  assertEquals([limitMs({ ...good, control }), limitMs({ ...good, before: latency(40) })], [
    60,
    80,
  ]);
  assertEquals(failuresOf({ ...good, control, during: latency(59) }), []);
  const failures = failuresOf({ ...good, control, during: latency(61) });
  assertEquals(failures, ["p99 61 ms under attack, above 60 ms"]);
});

const bad: [failure: string, change: Partial<Measured>][] = [
  ["no message of the honest users arrived", { during: undefined }],
  ["p99 11 ms under attack, above 10 ms", { during: latency(11) }],
  ["delivery is not normal after 30 s", { recoveryMs: undefined }],
  ["p99 11 ms after the attack, above 10 ms", { after: latency(11) }],
  ["the memory is not back after 30 s", { memory: { ...good.memory, backMs: undefined } }],
  ["the memory is not back after 30 s", { memory: { ...good.memory, backMs: 31_000 } }],
  [
    "the number of descriptors is not back after 30 s",
    { descriptors: { ...good.descriptors, backMs: undefined } },
  ],
  ["11 MB of log lines", { logBytes: 11_000_000 }],
  ["2 lost links", { lostLinks: 2 }],
  ["1 crashed", { crashed: 1 }],
  ["Guarantees broken", {
    honest: { ...good.honest, kept: false, findings: ["Guarantees broken"] },
  }],
  ["11 of 1,000 honest messages failed", { honest: { ...good.honest, failed: 11 } }],
];
test("an attack succeeds if a limit is exceeded", () => {
  for (const [failure, change] of bad) assertEquals(failuresOf({ ...good, ...change }), [failure]);
});

/** What a run has seen after each round of two minutes. */
const rests = (
  rounds: number,
  memory: (minute: number) => number,
  descriptors = (_: number) => 60,
) =>
  Array.from({ length: rounds }, (_, n): RestPoint => ({
    atMs: 120_000 * n,
    memoryBytes: [30 * MIB, memory(2 * n)],
    descriptors: descriptors(n),
  }));

test("a soak notices a server that keeps a little more memory in each round", () => {
  const noise = (minute: number) => (minute * 7919 % 13 - 6) * MIB / 4;
  const steady = trendOf(rests(30, (minute) => 50 * MIB + noise(minute)))!;
  assertEquals([steady.points, growthOf(steady)], [20, []]);
  const growing = trendOf(rests(30, (minute) => 50 * MIB + 8 * MIB * minute / 60 + noise(minute)))!;
  assertEquals(growing.bytesPerHour[0], 0);
  assertMatch(growthOf(growing).join(), /^the memory of server 1 grows by [678]\.\d MiB per hour$/);
});

test("a soak does not count the warm-up", () => {
  const warming = rests(30, (minute) => Math.min(minute, 18) * MIB, (n) => Math.min(n, 9));
  assertEquals(growthOf(trendOf(warming)!), []);
});

test("a soak notices descriptors that stay open", () => {
  const leaking = trendOf(rests(30, () => MIB, (n) => 60 + Math.floor((n - 10) / 5)))!;
  assertEquals(growthOf(leaking), ["the servers have 3 more descriptors open"]);
});

test("a soak that is too short cannot tell", () => {
  assertEquals(trendOf(rests(8, () => MIB)), undefined);
});

test("scenarios have different names", () => {
  assertEquals(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
});

linuxProcessTest(
  "lab attack measures everybody, and notices a server that is easy to attack",
  async () => {
    const args = ["--only", "basic-connects", "--seconds", "0.5", "--seed", "3", "--json"];
    const { code, stdout, stderr } = await Process.run("tests/lab/weak_run.ts", args, {
      permissions,
      deadlineMs: 120_000,
    });
    assertEquals([code, stdout.length, stderr], [1, 1, []]);
    const { failures, ...found } = JSON.parse(stdout[0]!) as Measured & { failures: string[] };
    // Whether p99 was below the limit depends on the machine.
    assertMatch(failures.join(), /\d\d MB of log lines/);
    assertMatch(
      failuresOf({ ...found, logBytes: 0 }).join(),
      /^(|.*(p99|normal|messages failed).*)$/,
    );
    assert(found.before!.p50 > 0 && found.during!.p50 > 0 && found.control!.p50 > 0);
    assert(found.memory.before > MIB && found.descriptors.before > 3);
    assert(found.attackerShare > 0 && found.serverShare > 0 && found.attacker.connections > 10);
    assertEquals([found.crashed, found.honest.kept], [0, true]);
  },
);

processTest("lab attack lists its scenarios, and refuses one that it does not know", async () => {
  const list = await Process.run(LAB, ["attack", "--list"], { permissions });
  assertEquals([list.code, list.stdout.length], [0, SCENARIOS.length + 1]);
  const unknown = await Process.run(LAB, ["attack", "--only", "toString"], { permissions });
  assertEquals([unknown.code, unknown.stdout], [2, []]);
  assertStringIncludes(unknown.stderr[0]!, 'no scenario "toString"; --list shows all');
});
