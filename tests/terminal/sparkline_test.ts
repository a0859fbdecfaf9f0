import { assertEquals } from "@std/assert";
import { sparkline } from "@netlab/terminal";
import { pureTest as test } from "../kinds.ts";

test("sparkline draws a bar as high as each value", () => {
  assertEquals(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 8).join(""), "▁▂▃▄▅▆▇██");
});

test("sparkline clips values above the highest", () => {
  assertEquals(sparkline([1, 100], 10), ["▁", "█"]);
});

test("sparkline has no bar where there is no value", () => {
  assertEquals(sparkline([undefined, 10, null], 10), [undefined, "█", undefined]);
});

test("sparkline draws the lowest bars if all values are 0", () => {
  assertEquals(sparkline([0, 0], 0), ["▁", "▁"]);
});
