/**
 * Networks that grow: the simulation, the curves, and `lab scale`.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  crossingOf,
  drawScale,
  fitPowerLaw,
  scalePage,
  type ScalePlan,
  type ScaleReport,
  simulateScale,
  sumOf,
} from "@netlab/lab/scale";
import { processTest, pureTest } from "../kinds.ts";
import { Process } from "../processes.ts";

const LAB = "lab/terminal/lab.ts";

/** Asserts that two numbers are equal but for rounding. */
function assertNear(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) < 1e-9, `${actual} instead of ${expected}`);
}

function simulate(network: string, servers: number, more: Partial<ScalePlan> = {}) {
  const plan = { network, servers, users: 60, seconds: 10, seed: 1, ...more };
  return simulateScale(plan, () => 0);
}

pureTest("a simulated network that grows gives the same figures in every run of a seed", () => {
  const { tookS: _, ...one } = simulate("sparse", 5);
  const { tookS: __, ...other } = simulate("sparse", 5);
  assertEquals(one, other);
  assertEquals(one.links, 4);
  assert(
    one.startMs > 0 && one.joinMs > 0 && one.lostMs > 0 && one.backMs > 0 && one.backBytes > 0,
  );
});

pureTest("presence costs a server of a full mesh the same however many there are", () => {
  const seconds = 60;
  const users = 600;
  const few = simulate("full", 3, { users, seconds }).perSecond.presence.bytes;
  const many = simulate("full", 9, { users, seconds }).perSecond.presence.bytes;
  assert(many < 1.8 * few, `${few} bytes per second with 3 servers, ${many} with 9`);
});

pureTest("power laws are found in figures, and where two of them cross", () => {
  const points = [1, 2, 5, 10].map((x) => ({ x, y: 3 * x ** 1.5 }));
  const law = fitPowerLaw(points)!;
  assertNear(law.factor, 3);
  assertNear(law.exponent, 1.5);
  assertNear(law.rSquared, 1);
  assertEquals(fitPowerLaw(points.slice(0, 2)), undefined);
  assertNear(crossingOf(law, { factor: 48, exponent: -0.5, rSquared: 1 })!, 4);
  assertEquals(crossingOf(law, law), undefined);
});

pureTest("the page and the picture show every figure, and what was skipped", () => {
  const results = [3, 4, 5].map((servers) => simulate("full", servers, { seconds: 2 }));
  const skipped = [{ plan: results[0]!.plan, why: "A network did not fit." }];
  const report: ScaleReport = { command: "deno task lab scale", results, skipped, real: [] };
  const page = scalePage(report, "growth.svg");
  assertStringIncludes(page, "![What a server sends by the number of servers](growth.svg)");
  assertStringIncludes(page, "- A network did not fit.");
  assertEquals(page.match(/^\| full mesh \| \d/gm)!.length, 3);
  const picture = drawScale(report);
  assertEquals(picture.match(/<circle/g)!.length, 3);
  const bytes = results.map(({ perSecond }) => sumOf(perSecond).bytes);
  assert(bytes[2]! > bytes[0]!);
});

processTest("lab scale simulates networks, and says which do not fit", async () => {
  const json = `data/scale-${crypto.randomUUID()}.json`;
  const permissions = [
    "--allow-read=.",
    "--allow-write=./data",
    `--allow-run=${Deno.execPath()}`,
  ];
  const run = (args: string[]) => Process.run(LAB, ["scale", ...args], { permissions });
  try {
    const sizes = ["--servers", "3", "--users", "10,1000000", "--network", "full"];
    const { code, stdout, stderr } = await run([
      ...[...sizes, "--seconds", "1", "--memory", "1", "--json", json],
    ]);
    assertEquals([code, stderr], [0, []]);
    assertEquals(stdout.filter((line) => /^full mesh +\d/.test(line)).length, 1);
    assertEquals(stdout.filter((line) => line.startsWith("Skipped: ")), [
      "Skipped: A full mesh of 3 servers with 1,000,000 users would need about 1.4 GiB of memory " +
      "(--memory 1).",
    ]);
    const again = await run(["--from", json]);
    assertEquals(again.stdout.at(-1), stdout.at(-1));
  } finally {
    await Deno.remove(json);
  }
  const wrong = await run(["--network", "star"]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.stderr[0]!, '"star" is not one of full, sparse');
});
