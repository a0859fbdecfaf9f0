import { assert, assertEquals } from "@std/assert";
import {
  describeRepeats,
  MAX_PER_KIND,
  MAX_PER_SOURCE,
  Repeats,
} from "../../terminal/output/repeats.ts";
import { Process } from "../processes.ts";
import { processTest, pureTest } from "../kinds.ts";

const SAMPLE = new URL("./sample_program.ts", import.meta.url).href;

function start() {
  const reports: [leftOut: number, example: string, kind: string][] = [];
  const repeats = new Repeats((...report) => reports.push(report));
  const write = (kind: string, source: string, count: number) => {
    let written = 0;
    for (let n = 0; n < count; n++) {
      if (repeats.admits(kind, source, () => `${kind} ${source} ${n}`)) written++;
    }
    return written;
  };
  return { repeats, reports, write };
}

pureTest(
  "lines about one party are limited, those about others are not, and what is left out is counted",
  () => {
    const { repeats, reports, write } = start();
    assertEquals(write("error", "a", 1_214), MAX_PER_SOURCE);
    assertEquals(write("error", "b", 3), 3);
    assertEquals(write("join", "a", 3), 3);
    repeats.flush();
    assertEquals(reports, [[1_204, `error a ${MAX_PER_SOURCE}`, "error"]]);
    repeats.flush();
    assertEquals(reports.length, 1);
    assertEquals(write("error", "a", 20), MAX_PER_SOURCE);
    repeats.flush();
  },
);

pureTest(
  "lines of one kind are limited, whoever they are about, and the first of each kind is written",
  () => {
    const { repeats, reports, write } = start();
    let written = 0;
    for (let n = 0; n < 10_000; n++) written += write("error", `${n}`, 1);
    assertEquals(written, MAX_PER_KIND);
    assertEquals(write("another", "9", 1), 1);
    repeats.flush();
    assertEquals(reports.map(([leftOut, , kind]) => [leftOut, kind]), [[
      10_000 - MAX_PER_KIND,
      "error",
    ]]);
  },
);

pureTest("however many kinds there are, the first line of each is written", () => {
  const { repeats, write } = start();
  for (let n = 0; n < 5_000; n++) assertEquals(write(`kind ${n}`, "", 1), 1);
  repeats.flush();
});

pureTest("a long example is shortened", () => {
  const line = describeRepeats(1_204, "x".repeat(1_000));
  assert(line.startsWith("… 1,204 more like this in 10 s: xxx") && line.endsWith("x…"), line);
  assert(line.length < 150);
});

processTest(
  "terminalLogger leaves out repeated lines, says how many, and leaves out no failure",
  async () => {
    for (const json of [false, true]) {
      const args = ["--do", "log much", ...json ? ["--json"] : []];
      const { stdout } = await Process.run(SAMPLE, args, { permissions: [] });
      const count = (text: string) => stdout.filter((line) => line.includes(text)).length;
      assertEquals(count("error from 10.0.0.1") - count("more like this"), MAX_PER_SOURCE);
      assertEquals(count("a message was lost"), 500);
      assertEquals(count("490 more like this in 10 s: error from 10.0.0.1"), 1);
      assertEquals(count("Ann to Bob"), 500);
      if (!json) continue;
      const { event, kind, lines } = JSON.parse(
        stdout.find((line) => line.includes("log.repeated"))!,
      );
      assertEquals([event, kind, lines], ["log.repeated", "error from {from}", 490]);
    }
  },
);
