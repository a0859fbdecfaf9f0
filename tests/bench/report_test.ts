import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { RATIOS } from "../../bench/guard/ratios.ts";
import { residentIn } from "../../bench/peers/generator/memory.ts";
import { formatChart } from "../../bench/peers/output/chart.ts";
import { formatNumber, formatShort } from "../../bench/peers/output/format.ts";
import { replaceResults } from "../../bench/peers/output/markdown.ts";
import { type Report, toRow } from "../../bench/peers/report.ts";
import { SCENARIOS } from "../../bench/peers/scenarios.ts";
import { median, percentile } from "../../bench/peers/statistics.ts";

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
  name: "the median is the middle of the values, in any order",
  permissions,
  fn: () => {
    assertEquals(median([3, 1, 2]), 2);
    assertEquals(median([10, 1, 3, 2]), 2.5);
    assertEquals(median([7]), 7);
    assertThrows(() => median([]), RangeError);
  },
});

Deno.test({
  name: "a percentile is the value that so many are not above",
  permissions,
  fn: () => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1);
    assertEquals([0.5, 0.99, 1].map((share) => percentile(values, share)), [50, 99, 100]);
    assertEquals(percentile([5], 0.01), 5);
    assertThrows(() => percentile([], 0.5), RangeError);
  },
});

Deno.test({
  name: "the memory of a process is read whatever the process is called",
  permissions,
  fn: () => {
    assertEquals(
      residentIn("Name:\tVmRSS: 1 kB\nVmHWM:\t   9 kB\nVmRSS:\t   2048 kB\n"),
      2_097_152,
    );
  },
});

Deno.test({
  name: "a row has the median of each figure, and says when the generator was the limit",
  permissions,
  fn: () => {
    const about = { contender: "x", product: "y", commands: [] };
    const rounds = [3, 1, 2].map((rate) => ({ rate, serverCpu: 0.4, generatorCpu: 0.5 }));
    const row = toRow(about, rounds, ({ rate }) => [rate!, NaN]);
    assertEquals(row.values, [2, null]);
    assertEquals(row.rounds, [[3, null], [1, null], [2, null]]);
    assertEquals(row.generatorBound, true);
    const busy = rounds.map((round) => ({ ...round, serverCpu: 1 }));
    assertEquals(toRow(about, busy, ({ rate }) => [rate!]).generatorBound, false);
    assertEquals(toRow(about, [{ p50: 1 }], ({ p50 }) => [p50!]).generatorBound, undefined);
  },
});

Deno.test({
  name: "figures keep the three digits that count",
  permissions,
  fn: () => {
    const numbers = [1_634_567, 727_123, 98_765, 1_234, 123.4, 22.46, 1.006, 0.0312, 0];
    assertEquals(numbers.map(formatNumber), [
      ...["1,630,000", "727,000", "98,800", "1,230", "123", "22.5", "1.01", "0.03", "0"],
    ]);
    assertEquals(formatShort(1_634_567, "messages/s"), "1.63 M/s");
    assertEquals(formatShort(90_000, "messages/s"), "90.0 k/s");
    assertEquals(formatShort(22.4, "µs"), "22.4 µs");
    assertEquals(formatShort(9_300, "bytes"), "9,300 B");
  },
});

const PLACE = ["<!-- results: written by deno task bench:peers -->", "<!-- end of results -->"];

Deno.test({
  name: "results take their place in a page, and that of those before them",
  permissions,
  fn: () => {
    const page = `# Page\n\n${PLACE[0]}\nold\n${PLACE[1]}\n\nThe end\n`;
    const once = replaceResults(page, report);
    assert(
      once.startsWith(`# Page\n\n${PLACE[0]}\n\n2026-01-02: netlab 1.2.3; Deno 2.9.0, A <CPU>,`),
    );
    assert(once.endsWith(`\n${PLACE[1]}\n\nThe end\n`));
    assert(!once.includes("old"));
    assertEquals(replaceResults(once, report), once);
    const rows = once.split("\n").filter((line) => line.startsWith("|"));
    assertEquals(new Set(rows.map((row) => row.length)).size, 1, "columns are aligned");
    assertMatch(rows[0]!, /^\| +\| messages\/s \| +rounds \| server \| generator \| note +\|$/);
    assertMatch(
      rows[2]!,
      /^\| netlab, sessions \| +2,000,000 \| 1,900,000 to 2,100,000 \| +50 % \|/,
    );
    assertMatch(rows[2]!, /generator-bound/);
    assertMatch(rows[3]!, /- \|.*failed: 3 of 9 messages \\\| lost +\|$/);
    assertThrows(() => replaceResults("# Page\n", report), Error, "Cannot find a place");
  },
});

Deno.test({
  name: "the chart shows every contender, in proportion, and escapes what it is told",
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
    assert(!chart.includes("Other programs ran as well"));
    const busy = formatChart({ ...report, machine: { ...report.machine, load: 2 } });
    assert(busy.includes("Other programs ran as well: compare per second of CPU."));
  },
});

Deno.test({
  name: "scenarios have names of their own and a value for each figure",
  permissions,
  fn: () => {
    assertEquals(new Set(SCENARIOS.map(({ id }) => id)).size, SCENARIOS.length);
    const costs = Array.from({ length: 4 }, () => ({ cpu: 1, clock: 1 }));
    const everything = {
      ...{ rate: 1, sent: 1, serverCpu: 1, generatorCpu: 1, residentBytes: 1, p50: 1, p99: 1 },
      ...{ heapBytes: 1, ms: 1, few: costs, all: costs, join: costs, leave: costs },
    };
    for (const { figures, values } of SCENARIOS) {
      assertEquals(values(everything).filter(Number.isFinite).length, figures.length);
      assert(figures.filter(({ charted }) => charted).length <= 1);
    }
  },
});

Deno.test({
  name: "a ratio of the guard falls below its bound when frames or bare text cost twice as much",
  permissions,
  fn: () => {
    // On the machine with the lowest ratios to echoed bytes; others have to lose more to be noticed.
    const before = { bare: 1_625, framed: 3_000, echoed: 6_500 };
    const fallen = (subject: typeof before) =>
      RATIOS.filter(({ of, bound }) => of(subject) < bound).map(({ what }) => what);
    assertEquals(fallen(before), []);
    assertEquals(fallen({ ...before, framed: before.framed / 2 }), [
      "deliveries in frames over deliveries of bare text",
      "routed bytes over echoed bytes",
    ]);
    assertEquals(fallen({ ...before, bare: before.bare / 2 }), [
      "deliveries of bare text over echoed bytes",
    ]);
  },
});
