import { assertEquals } from "@std/assert";
import { table } from "@netlab/terminal";
import { pureTest as test } from "../kinds.ts";

const plain = (lines: string[]): string[] =>
  // deno-lint-ignore no-control-regex
  lines.map((line) => line.replace(/\x1b\[[0-9;]*m/g, ""));

test("table aligns columns and leaves no spaces at the end", () => {
  assertEquals(
    plain(table([{ title: "Name" }, { title: "ms", align: "right" }, { title: "Why" }], [
      ["Alice", "1.5", "fine"],
      ["Bo", "100.25", ""],
      ["Carol"],
    ])),
    [
      "Name       ms  Why",
      "Alice     1.5  fine",
      "Bo     100.25",
      "Carol",
    ],
  );
});

test("table without rows shows its titles", () => {
  assertEquals(plain(table([{ title: "A" }, { title: "B" }], [])), ["A  B"]);
});

test("table aligns coloured and wide text by its width", () => {
  assertEquals(
    plain(table([{ title: "User" }, { title: "x" }], [["漢字", "1"], ["\x1b[32mok\x1b[39m", "2"]])),
    ["User  x", "漢字  1", "ok    2"],
  );
});
