import { assertEquals } from "@std/assert";
import { clip, clusters, displayWidth, rowsOf } from "@netlab/terminal";
import { pureTest as test } from "../kinds.ts";

const FAMILY = "👨‍👩‍👧‍👦";

const widths: [text: string, width: number][] = [
  ["", 0],
  ["abc", 3],
  ["é", 1],
  ["e\u0301", 1],
  ["z\u0335\u0321\u0327", 1],
  ["漢字", 4],
  ["한", 2],
  ["\u1112\u1161\u11ab", 2],
  ["ﾊﾞ", 2],
  ["नि", 2],
  ["①―▁", 3],
  ["🎉", 2],
  ["👍🏽", 2],
  ["❤", 1],
  ["❤️", 2],
  ["1️⃣", 2],
  ["🇩🇪🇫🇷", 4],
  ["🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2],
  [FAMILY, 2],
  ["\u200b\u202e\x07", 0],
  ["⌚", 2],
  ["⌚\ufe0e", 1],
  ["🏽", 2],
  ["\u0600١", 2],
  ["क्षत्रिय नमस्ते दुनिया", 17],
  ["ที่นี่", 2],
  ["\x1b[32mok\x1b[39m", 2],
];
test("displayWidth counts the columns that a terminal takes", () => {
  for (const [text, width] of widths) assertEquals(displayWidth(text), width, text);
});

test("clusters splits text into what a person sees as characters", () => {
  assertEquals(clusters("abc"), ["a", "b", "c"]);
  assertEquals(clusters(`e\u0301漢${FAMILY}🇩🇪🇫🇷`), ["e\u0301", "漢", FAMILY, "🇩🇪", "🇫🇷"]);
});

const clips: [text: string, columns: number, clipped: string][] = [
  ["abc", 3, "abc"],
  ["abcd", 3, "ab…"],
  ["abcd", 1, "…"],
  ["abcd", 0, ""],
  ["漢字漢", 6, "漢字漢"],
  ["漢字漢", 5, "漢字…"],
  ["漢字漢", 4, "漢…"],
  [`a${FAMILY}${FAMILY}`, 4, `a${FAMILY}…`],
  ["\x1b[1mabc\x1b[22m", 3, "\x1b[1mabc\x1b[22m"],
  ["\x1b[1mabc\x1b[22mdef\x1b[2mghi\x1b[22m", 5, "\x1b[1mabc\x1b[22md…\x1b[2m\x1b[22m"],
];
test("clip shortens a text to a number of columns, and keeps its colours whole", () => {
  for (const [text, columns, clipped] of clips) {
    assertEquals(clip(text, columns), clipped, JSON.stringify([text, columns]));
    assertEquals(displayWidth(clip(text, columns)) <= columns, true);
  }
});

const rows: [line: string, columns: number, rows: number][] = [
  ["", 10, 1],
  ["a".repeat(10), 10, 1],
  ["a".repeat(11), 10, 2],
  ["漢".repeat(5), 10, 1],
  ["漢".repeat(5), 9, 2],
  ["漢".repeat(8), 5, 4],
  ["\x1b[1maaaaaaaaaa\x1b[22m", 10, 1],
  ["e\u0301".repeat(11), 10, 2],
  [`a${FAMILY}`, 10, 1],
  [`aa${FAMILY}a`, 10, Infinity],
];
test("rowsOf counts the rows of a wrapped line, unless terminals disagree", () => {
  for (const [line, columns, count] of rows) {
    assertEquals(rowsOf(line, columns), count, JSON.stringify([line, columns]));
  }
});
