import { assert, assertEquals } from "@std/assert";
import { pureTest as test } from "../../kinds.ts";
import { isLinear } from "../../growth.ts";
import { Draft } from "../../../p2p/terminal/screen/draft.ts";

/** A draft after this input, and the events that it reported. */
function typed(...input: string[]): Draft & { told: string[] } {
  const told: string[] = [];
  const draft = new Draft({
    pastedLines: () => told.push("pasted lines"),
    complete: (isBackward) => told.push(isBackward ? "complete backward" : "complete"),
    clear: () => told.push("clear"),
    stop: () => told.push("stop"),
    cursorAt: (row, column) => told.push(`cursor at ${row} ${column}`),
  });
  input.forEach((part) => draft.feed(part));
  return Object.assign(draft, { told });
}

/** A draft with the cursor as `|`. */
function shown({ text, cursor }: Draft): string {
  return `${text.slice(0, cursor)}|${text.slice(cursor)}`;
}

const FAMILY = "👨‍👩‍👧‍👦";
const LEFT = "\x1b[D";
const RIGHT = "\x1b[C";
const BACKSPACE = "\x7f";
const DELETE = "\x1b[3~";

const edits: [what: string, input: string, result: string][] = [
  ["characters", "Bob Hällo 漢字 🎉", "Bob Hällo 漢字 🎉|"],
  ["arrows", `abc${LEFT}${LEFT}x${RIGHT}y`, "axby|c"],
  ["ctrl-A, -E, -B and -F", "abc\x01x\x06y\x05z\x02\x02w", "xaybw|cz"],
  ["home and end", "abc\x1b[Hx\x1b[Fy\x1bOHz", "z|xabcy"],
  ["words", "one two three\x1bb\x1bbx\x1b[1;5Cy", "one xtwo y|three"],
  ["backspace and delete", `abcd${LEFT}${BACKSPACE}${DELETE}\x08`, "a|"],
  ["ctrl-W, -U, -K and -Y", "one two\x17x\x15y\x02\x0bz\x19", "zy|"],
  ["undo", "abc\x7f\x7f\x1f", "ab|"],
  [
    "marks, as a part of their character",
    `e\u0301e\u0301${LEFT}x${BACKSPACE}${BACKSPACE}`,
    "|e\u0301",
  ],
  ["emoji sequences, as one", `a${FAMILY}${FAMILY}b${LEFT}${LEFT}${DELETE}`, `a${FAMILY}|b`],
  ["flags, as one", `🇩🇪🇫🇷🇮🇹${LEFT}${BACKSPACE}`, "🇩🇪|🇮🇹"],
];
for (const [what, input, result] of edits) {
  test(`draft knows ${what}`, () => {
    assertEquals(shown(typed(input)), result);
    // Keys may come one by one, and in pieces.
    assertEquals(shown(typed(...input)), result);
    assertEquals(shown(typed(...input.split(""))), result);
  });
}

test("draft ignores control characters and unknown keys", () => {
  const all = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code));
  // But those that end the input, enter the line, or begin an escape sequence.
  const others = ["\x03", "\x04", "\r", "\n", "\x1b"];
  const controls = all.filter((character) =>
    !/[ -~]/.test(character) && !others.includes(character)
  )
    .join("");
  assertEquals(typed(controls, "\u2028\u2029").text.trim(), "");
  const keys = ["\x1b[1;10D", "\x1b[[A", "\x1b[57399u", "\x1b[<0;10;20M", "\x1b[I", "\x1b[15;2~"];
  assertEquals(typed("a", ...keys, "b", "\x1b[27;5;9~").text, "ab");
  assertEquals(typed("\x1a").open, true);
});

test("draft reports the keys that it does not handle", () => {
  assertEquals(typed("a\tb\x0c\x1b[12;34R").told, ["complete", "clear", "cursor at 11 33"]);
  assertEquals(typed("a\x1b[Z").text, "a");
});

test("draft enters lines and recalls them from its history", async () => {
  const draft = typed("one\rtwo\r\nthree\n");
  const lines = [
    await draft.entered.next(),
    await draft.entered.next(),
    await draft.entered.next(),
  ];
  assertEquals(lines.map(({ value }) => value), ["one", "two", "three"]);
  draft.feed("\x1b[A\x1b[A");
  assertEquals(draft.text, "two");
  assertEquals(typed("two\rone\rt\x1b[A").text, "two");
});

for (const [what, key] of [["ctrl-C", "\x03"], ["ctrl-D", "\x04"]] as const) {
  test(`draft ends at ${what}, and ignores all later keys`, async () => {
    const draft = typed("one\r", `${key}two\rthree`);
    assertEquals(await draft.entered.next(), { value: "one", done: false });
    assertEquals((await draft.entered.next()).done, true);
    assertEquals([draft.open, draft.text], [false, ""]);
    draft.insert("four");
    draft.close();
    assertEquals(draft.text, "");
  });
}

test("draft inserts a paste as text, with its line ends and tabs but no other control characters", async () => {
  const pasted = "\x1b[200~Bob one\r\ntwo\nthree\rfour\tfive\x1b[31m six\x03\x1b[0m\r\n\x1b[201~!";
  const result = "Bob one\ntwo\nthree\nfour\tfive six!";
  assertEquals(shown(typed(pasted)), `${result}|`);
  for (let cut = 1; cut < pasted.length; cut++) {
    const draft = typed(pasted.slice(0, cut), pasted.slice(cut));
    assertEquals([shown(draft), draft.told], [`${result}|`, ["pasted lines"]], `cut at ${cut}`);
  }
  const draft = typed(pasted, "\r", "\x1b[A", "\r");
  assertEquals((await draft.entered.next()).value, result);
  assertEquals((await draft.entered.next()).value, result);
});

test("draft takes nothing in a paste for keys, even if it contains the mark of its end", () => {
  const END = "\x1b[201~";
  for (const inside of [END, `${END}${END}`, `\x1b[20${END}1~`]) {
    const draft = typed(`\x1b[200~Bob a${inside}\nCarol b\n${END}!\x1b[200~c\nd${END}`);
    const { text } = draft;
    assert(text.startsWith("Bob a") && text.endsWith("\nCarol b!c\nd"), JSON.stringify(text));
    assertEquals(draft.told.length, 2);
  }
});

test("draft reports a paste only when it has several lines", () => {
  const told = (pasted: string) => typed(`\x1b[200~${pasted}\x1b[201~`).told.length;
  assertEquals(["", "one", "one\n", "one\r\n", "\n"].map(told), [0, 0, 0, 0, 0]);
  assertEquals(["one\ntwo", "one\n\n", "\ntwo", "one\u2028two"].map(told), [1, 1, 1, 1]);
});

test("draft begins another line at alt-Enter, in each way that terminals report it", async () => {
  for (
    const key of ["\x1b\r", "\x1b\n", "\x1b[13;2u", "\x1b[13;3u", "\x1b[27;2;13~", "\x1b[27;3;13~"]
  ) {
    const draft = typed(`Bob one${key}two`, LEFT, BACKSPACE, "x\r");
    assertEquals((await draft.entered.next()).value, "Bob one\ntxo", JSON.stringify(key));
    assertEquals(shown(typed(..."one", key, BACKSPACE, "two")), "onetwo|");
  }
});

test("draft inserts a long text quickly", () => {
  const long = "0123456789".repeat(6_000);
  // A terminal delivers 4 KiB at a time.
  const pieces = long.match(/.{1,4096}/g)!;
  assertEquals(typed(...pieces).text, long);
  assertEquals(typed("\x1b[200~", ...pieces, "\x1b[201~").text, long);
  assertEquals(typed("ab", LEFT, ...pieces).text, `a${long}b`);
  assertEquals(typed(long, ..."keys".repeat(500)).text, long + "keys".repeat(500));
  // At one time, every inserted character had all those before it measured.
  const inPieces = (text: string) => text.match(/.{1,500}/g)!;
  assert(isLinear((text) => typed(...inPieces(text))));
  assert(isLinear((text) => typed("\x1b[200~", ...inPieces(text), "\x1b[201~")));
});

test("draft enters, edits or replaces a suggestion", () => {
  const suggested = (...input: string[]) => {
    const draft = typed();
    draft.suggest("Bob Hello");
    input.forEach((part) => draft.feed(part));
    return draft;
  };
  assertEquals([suggested().suggested, shown(suggested())], [true, "Bob Hello|"]);
  assertEquals(shown(suggested("C")), "C|");
  assertEquals(shown(suggested("\x1b[200~Carol Hi\x1b[201~")), "Carol Hi|");
  assertEquals(shown(suggested(LEFT, "x")), "Bob Hellx|o");
  assertEquals(suggested(LEFT).suggested, false);
  assertEquals(suggested("\r").text, "");
});
