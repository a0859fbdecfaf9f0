import { assert, assertEquals } from "@std/assert";
import { displayWidth } from "@netlab/terminal";
import { pureTest as test } from "../../kinds.ts";
import { assertTakesAtMost } from "../../timing.ts";
import { visiblePart } from "../../../p2p/terminal/screen/draft_view.ts";

/** What is visible with the cursor at the mark. */
function shown(marked: string, columns: number): string {
  const cursor = marked.indexOf("|");
  const { before, behind } = visiblePart(marked.replace("|", ""), cursor, columns);
  return `${before}|${behind}`;
}

const views: [marked: string, columns: number, shown: string][] = [
  ["|", 10, "|"],
  ["abc|", 10, "abc|"],
  ["abcdefghi|", 10, "abcdefghi|"],
  ["abcdefghij|", 10, "…cdefghij|"],
  ["|abcdefghi", 10, "|abcdefghi"],
  ["|abcdefghij", 10, "|abcdefghij"],
  ["|abcdefghijk", 10, "|abcdefghi…"],
  ["abcdef|ghijk", 10, "abcdef|ghi…"],
  ["abcdefg|hijk", 10, "…cdefg|hijk"],
  ["abcdefghijklm|nopqrstuvwxyz", 10, "…ijklm|nop…"],
  ["abcdefghijklmnopqrstuvwx|yz", 10, "…rstuvwx|yz"],
  ["漢字漢字|漢字", 10, "…漢字|漢字"],
  ["e\u0301e\u0301e\u0301e\u0301|", 4, "…e\u0301e\u0301|"],
];
test("visible part is around the cursor, and marks where text is left out", () => {
  for (const [marked, columns, part] of views) {
    assertEquals(shown(marked, columns), part, JSON.stringify([marked, columns]));
  }
});

test("visible part fits, contains the cursor, and uses all available columns", () => {
  const texts = [
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "漢字かな".repeat(9),
    "a漢e\u0301👨‍👩‍👧‍👦🇩🇪b".repeat(6),
  ];
  for (const text of texts) {
    const cursors = [...new Intl.Segmenter().segment(text)].map(({ index }) => index);
    for (const cursor of [...cursors, text.length]) {
      for (let columns = 4; columns < 80; columns++) {
        const { before, behind } = visiblePart(text, cursor, columns);
        const what = JSON.stringify([text, cursor, columns, before, behind]);
        const end = cursor === text.length ? 1 : 0;
        const width = displayWidth(before) + displayWidth(behind) + end;
        assert(width <= columns, what);
        const whole = displayWidth(text) + end <= columns;
        assertEquals(whole, before + behind === text, what);
        // A wide character may not fit into the last columns at either side.
        if (!whole) assert(width >= columns - 3, what);
        assert(text.slice(0, cursor).endsWith(before.replace(/^…/, "")), what);
        assert(text.slice(cursor).startsWith(behind.replace(/…$/, "")), what);
        assert(end === 1 || behind !== "", what);
      }
    }
  }
});

test("visible part is found as quickly in a long text as in a short one", async () => {
  const find = (text: string) => {
    for (let n = 0; n < 100; n++) visiblePart(text, text.length / 2 + n, 80);
  };
  const [short, long] = ["漢".repeat(10_000), "漢".repeat(1_000_000)];
  await assertTakesAtMost(3, "the long text", () => find(long), () => find(short));
});
