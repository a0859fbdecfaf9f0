import { assertEquals } from "@std/assert";
import { Live } from "@netlab/terminal";
import { TestTerminal } from "../terminal.ts";
import { pureTest as test } from "../kinds.ts";

const STATUS = ["server now low mean p95 loss users", "5001   1.1 1.0 1.05 1.1   0%     7"];
const fitting = (columns: number) =>
  STATUS.map((line) => line.length < columns ? line : `${line.slice(0, columns - 2).trimEnd()}…`);

test("Live shows its status below the lines that scroll, and removes it at the end", async () => {
  await using terminal = new TestTerminal(40, 10);
  const live = new Live(() => STATUS, terminal);
  live.print("one");
  live.print("two");
  assertEquals(await terminal.rows(), ["one", "two", ...STATUS]);
  live[Symbol.dispose]();
  assertEquals(await terminal.rows(), ["one", "two"]);
});

test("Live shows its whole status at every width of the window", async () => {
  await using terminal = new TestTerminal(40, 24);
  using live = new Live(() => STATUS, terminal);
  const printed: string[] = [];
  for (const columns of [40, 30, 18, 25, 60, 21, 60]) {
    await terminal.resize(columns, 24);
    printed.push(`${columns} columns`);
    live.print(printed.at(-1)!);
    const shown = fitting(columns).map((line) => line.replace(/ +…/, "…"));
    const rows = (await terminal.rows()).map((line) => line.replace(/ +…/, "…"));
    assertEquals(rows, [...printed, ...shown]);
  }
});

test("Live shortens a status that is longer than the window", async () => {
  await using terminal = new TestTerminal(20, 4);
  using live = new Live(() => ["one", "two", "three", "four", "five"], terminal);
  for (let n = 0; n < 3; n++) live.print(`line ${n}`);
  assertEquals(await terminal.rows(), [
    "line 0",
    "line 1",
    "line 2",
    "one",
    "two",
    "… 3 more lines",
  ]);
  await terminal.resize(20, 1);
  live.print("line 3");
  assertEquals((await terminal.rows()).at(-1), "line 3");
});
