import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { residentIn } from "../../bench/peers/generator/memory.ts";
import { formatChart } from "../../bench/peers/chart.ts";
import { formatNumber, formatShort } from "../../bench/peers/format.ts";
import { replaceResults } from "../../bench/peers/page.ts";
import type { Result } from "../../bench/peers/load.ts";
import { type Report, toRow } from "../../bench/peers/report.ts";
import { SCENARIOS } from "../../bench/peers/scenarios.ts";
import { processTest } from "../p2p/network.ts";

const permissions = "none";

const report: Report = {
  date: "2026-01-02T03:04:05.000Z",
  machine: { cpu: "A <CPU>", cores: 2, system: "linux 6", deno: "2.9.0", pinned: true, load: 0.1 },
  versions: { netlab: "1.2.3" },
  leftOut: [],
  rounds: 3,
  seconds: 1.5,
  scenarios: [{
    id: "pair",
    title: "1 pair, 64 B",
    about: "One user writes to another.",
    figures: [{ name: "", unit: "messages/s", better: "more" }],
    rows: [
      {
        contender: "netlab, sessions",
        product: "netlab",
        commands: [],
        values: [2_000_000],
        rounds: [[1_900_000], [2_000_000], [2_100_000]],
        serverCpu: 0.5,
        generatorCpu: 1,
        generatorBound: true,
      },
      {
        contender: "nats-server",
        product: "nats",
        commands: [],
        values: [null],
        rounds: [],
        failure: "3 of 9 messages | lost",
      },
    ],
  }],
};

Deno.test({
  name: "resident memory is read whatever the name of the process is",
  permissions,
  fn: () => {
    assertEquals(
      residentIn("Name:\tVmRSS: 1 kB\nVmHWM:\t   9 kB\nVmRSS:\t   2048 kB\n"),
      2_097_152,
    );
  },
});

Deno.test({
  name: "a row has the median of each figure and tells when the generator was the limit",
  permissions,
  fn: () => {
    const about = { contender: "x", product: "y", commands: [] };
    const rate = { of: (result: Result) => result.rate };
    const rounds = [3, 1, 2].map((rate) => ({ rate, serverCpu: 0.4, generatorCpu: 0.5 }));
    const row = toRow(about, rounds, [rate, { of: () => NaN }]);
    assertEquals(row.values, [2, null]);
    assertEquals(row.rounds, [[3, null], [1, null], [2, null]]);
    assertEquals(row.generatorBound, true);
    const busy = rounds.map((round) => ({ ...round, serverCpu: 1 }));
    assertEquals(toRow(about, busy, [rate]).generatorBound, false);
    assertEquals(toRow(about, [{ p50: 1 }], [rate]).generatorBound, undefined);
  },
});

Deno.test({
  name: "figures have three significant digits",
  permissions,
  fn: () => {
    const numbers = [1_634_567, 727_123, 98_765, 1_234, 123.4, 22.46, 5.196, 1.006, 0.0312, 0];
    assertEquals(numbers.map(formatNumber), [
      ...["1,630,000", "727,000", "98,800", "1,230", "123", "22.5", "5.20", "1.01", "0.03", "0"],
    ]);
    assertEquals(formatShort(1_634_567, "messages/s"), "1.63 M/s");
    assertEquals(formatShort(90_000, "messages/s"), "90.0 k/s");
    assertEquals(formatShort(22.4, "µs"), "22.4 µs");
    assertEquals(formatShort(9_300, "bytes"), "9,300 B");
  },
});

const PLACE = ["<!-- results: written by deno task bench:peers -->", "<!-- end of results -->"];

processTest("results replace older results in a page", async () => {
  const page = `# Page\n\n${PLACE[0]}\nold\n${PLACE[1]}\n\nThe end\n`;
  const once = await replaceResults(page, report);
  assert(
    once.startsWith(`# Page\n\n${PLACE[0]}\n\n2026-01-02: netlab 1.2.3; Deno 2.9.0, A <CPU>,`),
  );
  assert(once.endsWith(`\n${PLACE[1]}\n\nThe end\n`));
  assert(!once.includes("old"));
  assertEquals(await replaceResults(once, report), once);
  const rows = once.split("\n").filter((line) => line.startsWith("|"));
  assertEquals(new Set(rows.map((row) => row.length)).size, 1, "columns are aligned");
  assertMatch(rows[0]!, /^\| +\| messages\/s \| +rounds \| server \| generator \| note +\|$/);
  assertMatch(
    rows[2]!,
    /^\| netlab, sessions \| +2,000,000 \| 1,900,000 to 2,100,000 \| +50 % \|/,
  );
  assertMatch(rows[2]!, /generator-bound/);
  assertMatch(rows[3]!, /- \|.*failed: 3 of 9 messages \\\| lost +\|$/);
  await assertRejects(
    () => replaceResults("# Page\n", report),
    Error,
    "Cannot find the place of the results",
  );
});

Deno.test({
  name: "the chart shows every contender in proportion and escapes texts",
  permissions,
  fn: () => {
    const slower = { ...report.scenarios[0]!.rows[0]!, contender: "redis", product: "redis" };
    const scenario = {
      ...report.scenarios[0]!,
      rows: [...report.scenarios[0]!.rows, { ...slower, values: [500_000], generatorBound: false }],
    };
    const chart = formatChart({ ...report, scenarios: [scenario] });
    const widths = [...chart.matchAll(/<rect class="(own|other)" .*?width="([\d.]+)"/g)]
      .map(([, kind, width]) => [kind, Number(width)] as const);
    assertEquals(widths.map(([kind]) => kind), ["own", "other", "other"]);
    assertEquals(widths[0]![1] / widths[2]![1], 4);
    assert(chart.includes(">2.00 M/s</text>"));
    assert(chart.includes(">no figure</text>"));
    assert(chart.includes("A &lt;CPU&gt;") && !chart.includes("<CPU>"));
    assert(chart.includes("prefers-color-scheme: dark"));
    assert(!chart.includes("Other programs were running"));
    const busy = formatChart({ ...report, machine: { ...report.machine, load: 2 } });
    assert(busy.includes("Other programs were running: compare per second of CPU."));
  },
});

Deno.test({
  name: "scenarios have unique ids and a value for each figure",
  permissions,
  fn: () => {
    assertEquals(new Set(SCENARIOS.map(({ id }) => id)).size, SCENARIOS.length);
    const costs = Array.from({ length: 4 }, () => ({ cpu: 1, clock: 1 }));
    const everything = {
      ...{ rate: 1, sent: 1, serverCpu: 1, generatorCpu: 1, residentBytes: 1, p50: 1, p99: 1 },
      ...{ heapBytes: 1, ms: 1, few: costs, all: costs, join: costs, leave: costs },
    };
    for (const { figures } of SCENARIOS) {
      assert(figures.every(({ of }) => Number.isFinite(of(everything))));
      assert(figures.filter(({ charted }) => charted).length <= 1);
    }
  },
});
