import { assert, assertEquals } from "@std/assert";
import type { Completion } from "../../../p2p/terminal/screen/screen.ts";
import { TerminalScreen } from "../../../p2p/terminal/screen/terminal_screen.ts";
import { TestTerminal } from "../../terminal.ts";
import { pureTest as test } from "../../kinds.ts";
import { assertTakesAtMost } from "../../timing.ts";
import { eventually } from "../network.ts";

const PASTE = (text: string) => `\x1b[200~${text}\x1b[201~`;

/** The lines that have been entered. */
async function entered(screen: TerminalScreen, count: number): Promise<string[]> {
  const lines = screen[Symbol.asyncIterator]();
  const all: string[] = [];
  while (all.length < count) all.push((await lines.next()).value);
  return all;
}

test("screen keeps the typed line below what is printed", async () => {
  await using terminal = new TestTerminal(40, 10);
  using screen = new TerminalScreen("Alice", "", terminal);
  terminal.type("Bob Hel");
  screen.print("Bob: Hello");
  terminal.type("lo");
  assertEquals(await terminal.window(), ["Bob: Hello", "Alice> Bob Hello|"]);
  terminal.type("\x1b[D\x1b[D");
  assertEquals(await terminal.window(), ["Bob: Hello", "Alice> Bob Hel|lo"]);
  terminal.type("\r");
  assertEquals(await entered(screen, 1), ["Bob Hello"]);
  assertEquals(await terminal.window(), ["Bob: Hello", "Alice> |"]);
});

test("screen shows a long line in one row, and nothing of it elsewhere", async () => {
  await using terminal = new TestTerminal(40, 10);
  using screen = new TerminalScreen("Alice", "", terminal);
  // Readline, which draws the whole line after every character, took minutes for this.
  const long = `Bob ${"0123456789".repeat(6_000)}`;
  terminal.type(PASTE(long));
  assertEquals(await terminal.rows(), ["Alice> …9012345678901234567890123456789"]);
  screen.print("Bob: Hello");
  terminal.type("\x01");
  assertEquals(await terminal.rows(), ["Bob: Hello", "Alice> Bob 0123456789012345678901234567…"]);
  terminal.type(`\x05${long}\r`);
  assertEquals(await entered(screen, 1), [long + long]);
  assertEquals(await terminal.rows(), ["Bob: Hello", "Alice>"]);
});

test("screen takes for a key in the middle of a long text hardly longer than for one in a short text", async () => {
  for (const unit of ["hello ", "李雷 हिन्दी 👨‍👩‍👧‍👦 e\u0301 "]) {
    await using stack = new AsyncDisposableStack();
    const editing = (length: number) => {
      const terminal = stack.use(new TestTerminal(80, 24));
      stack.use(new TerminalScreen("Alice", "", terminal));
      terminal.type(PASTE(unit.repeat(length / unit.length)));
      terminal.type("\x1b[D".repeat(50));
      return () => ["x", "\x1b[D", "\x7f"].forEach((key) => terminal.type(key));
    };
    const [short, long] = [editing(2_000), editing(60_000)];
    await assertTakesAtMost(5, "the keys in a long text", long, short);
  }
});

test("screen leaves no row behind when a message arrives while wide characters are typed", async () => {
  for (let count = 1; count < 60; count++) {
    await using terminal = new TestTerminal(40, 10);
    using screen = new TerminalScreen("Alice", "", terminal);
    terminal.type(`Bob ${"漢".repeat(count)}`);
    screen.print("Bob: Hello");
    screen.print("Bob: Hello again");
    const rows = await terminal.rows();
    assertEquals(rows.slice(0, 2), ["Bob: Hello", "Bob: Hello again"]);
    assertEquals(rows.length, 3);
    assertEquals(rows[2], count < 15 ? `Alice> Bob ${"漢".repeat(count)}` : rows[2]);
  }
});

test("screen uses one row for the line even when characters are wider than expected", async () => {
  await using terminal = new TestTerminal(40, 10);
  using screen = new TerminalScreen("Alice", "", terminal);
  // Two columns each, by the standard. This terminal shows four people, each for themselves.
  terminal.type("👨‍👩‍👧‍👦".repeat(15));
  screen.print("Bob: Hello");
  screen.print("Bob: Hello again");
  const rows = await terminal.rows();
  assertEquals([rows.length, ...rows.slice(0, 2)], [3, "Bob: Hello", "Bob: Hello again"]);
});

const texts: [what: string, typed: string, shown: string][] = [
  ["wide characters", "漢字x\x1b[D\x1b[D", "Alice> 漢|字x"],
  ["combining marks", "e\u0301e\u0301x\x1b[D\x1b[D", "Alice> e\u0301|e\u0301x"],
  ["emoji of several characters", "a👨‍👩‍👧‍👦b\x1b[D\x1b[D", "Alice> a|👨‍👩‍👧‍👦b"],
  ["flags", "🇩🇪🇫🇷\x1b[D", "Alice> 🇩🇪|🇫🇷"],
];
for (const [what, typed, shown] of texts) {
  test(`screen places the cursor correctly among ${what}`, async () => {
    await using terminal = new TestTerminal(40, 10);
    using _screen = new TerminalScreen("Alice", "", terminal);
    terminal.type(typed);
    assertEquals(await terminal.window(), [shown]);
  });
}

test("screen works in a window of 20 columns and 5 rows", async () => {
  await using terminal = new TestTerminal(20, 5);
  using screen = new TerminalScreen("A name that has no room", "", terminal);
  terminal.type("Bob How are you, and where?");
  for (let n = 1; n <= 3; n++) screen.print(`Bob: the message number ${n}`);
  assertEquals(await terminal.window(), [
    "Bob: the message num",
    "ber 2",
    "Bob: the message num",
    "ber 3",
    "A name …> …d where?|",
  ]);
  assertEquals((await terminal.rows()).length, 7);
});

test("screen redraws pinned lines where they are, whatever was printed after them", async () => {
  await using terminal = new TestTerminal(20, 6);
  using screen = new TerminalScreen("Alice", "", terminal);
  let mark = "";
  let lost = 0;
  const again = screen.pin(() => [`→ Bob: Hello${mark}`], () => lost++);
  screen.print("a line that needs two rows");
  terminal.type("Bob");
  mark = "  ✓";
  again();
  assertEquals(await terminal.rows(), [
    "→ Bob: Hello  ✓",
    "a line that needs tw",
    "o rows",
    "Alice> Bob",
  ]);
  for (const line of ["one", "two", "three"]) screen.print(line);
  mark = "  ✓✓";
  again();
  assertEquals(lost, 1);
  assertEquals(await terminal.rows(), [
    "→ Bob: Hello  ✓",
    "a line that needs tw",
    "o rows",
    "one",
    "two",
    "three",
    "Alice> Bob",
  ]);
});

test("screen does not touch a line whose rows terminals count differently", async () => {
  await using terminal = new TestTerminal(20, 10);
  using screen = new TerminalScreen("Alice", "", terminal);
  let lost = 0;
  const again = screen.pin(() => ["pinned"], () => lost++);
  screen.print("a family of four 👨‍👩‍👧‍👦");
  again();
  assertEquals(lost, 1);
});

/** A table as it fits. */
const table = (columns: number) =>
  [
    "server now low mean p95 loss users",
    "5001   1.1 1.0 1.05 1.1   0%     7",
    "5002   2.1 2.0 2.05 2.1   0%     9",
  ].map((line) => line.slice(0, columns - 1).trimEnd());

for (const rows of [24, 10, 8, 6, 5]) {
  test(`screen keeps a pinned table whole in every width of a window of ${rows} rows`, async () => {
    await using terminal = new TestTerminal(40, rows);
    using screen = new TerminalScreen("Bob", "", terminal);
    const before = ["Alice: Hello", "/rtt"];
    before.forEach((line) => screen.print(line));
    const again = screen.pin(table);
    terminal.type("Alice how are you there");
    for (const columns of [30, 24, 20, 33, 40, 80, 21, 60]) {
      await terminal.resize(columns, rows);
      again();
      const shown = await terminal.window();
      const others = before.slice(2 - Math.max(0, shown.length - 4));
      assertEquals(shown.slice(0, -1), [...others, ...table(columns)], `${columns} columns`);
    }
    // Pieces of it have left the window. When they come back, they go.
    const behind = Array.from({ length: rows }, (_, n) => `Alice: line ${n}`);
    behind.forEach((line) => screen.print(line));
    await terminal.resize(60, 50);
    assertEquals(await terminal.rows(), [
      ...before,
      ...table(60),
      ...behind,
      "Bob> Alice how are you there",
    ]);
  });
}

test("screen stops changing a table that is longer than the window", async () => {
  await using terminal = new TestTerminal(40, 4);
  using screen = new TerminalScreen("Bob", "", terminal);
  let n = 0;
  let lost = 0;
  const again = screen.pin(() => ["a", "b", "c", `${n++}`], () => lost++);
  again();
  again();
  assertEquals(lost, 2);
  assertEquals(await terminal.rows(), ["a", "b", "c", "0", "Bob>"]);
});

test("screen stops changing a table that does not fit into a lower window", async () => {
  await using terminal = new TestTerminal(40, 10);
  using screen = new TerminalScreen("Bob", "", terminal);
  let lost = 0;
  const again = screen.pin(table, () => lost++);
  screen.print("Alice: Hello");
  await terminal.resize(40, 4);
  await terminal.rows();
  again();
  assertEquals(lost, 1);
  assertEquals(await terminal.rows(), [...table(40), "Alice: Hello", "Bob>"]);
});

test("screen shows a line that was wrapped with the window in one row again", async () => {
  await using terminal = new TestTerminal(60, 10);
  terminal.wrapsCursorRow = true;
  using screen = new TerminalScreen("Bob", "", terminal);
  screen.print("Alice: Hello");
  terminal.type("Alice one two three four five six seven eight nine");
  for (const columns of [40, 25, 50, 33]) {
    await terminal.resize(columns, 10);
    const rows = await terminal.rows();
    assertEquals([rows.length, rows[0]], [2, "Alice: Hello"], `${columns} columns`);
    assert(rows[1]!.startsWith("Bob> …") && rows[1]!.endsWith("eight nine"), rows[1]);
  }
});

test("screen works in a terminal that does not report its cursor position", async () => {
  await using terminal = new TestTerminal(40, 10);
  terminal.answers = false;
  using screen = new TerminalScreen("Bob", "", terminal);
  let lost = 0;
  const again = screen.pin(table, () => lost++);
  await terminal.resize(60, 10);
  screen.print("Alice: Hello");
  terminal.type("Alice Hi");
  await eventually("it goes on", async () => (await terminal.rows()).at(-1) === "Bob> Alice Hi");
  again();
  assertEquals(lost, 1);
  assertEquals(await terminal.rows(), [...table(40), "Alice: Hello", "Bob> Alice Hi"]);
});

test("screen shows all lines of a paste, and enters them together", async () => {
  await using terminal = new TestTerminal();
  using screen = new TerminalScreen("Alice", "", terminal);
  screen.describePaste = (text) => `Enter sends ${JSON.stringify(text)}`;
  terminal.type(PASTE("Bob one\r\ntwo\tthree\n\x1b[31mfour\u202e\x07\n"));
  assertEquals(await terminal.window(), [
    'Enter sends "Bob one\\ntwo\\tthree\\nfour\uFFFD"',
    "  │ Bob one",
    "  │ two    three",
    "  │ four\uFFFD",
    "Alice> Bob one⏎two three⏎four\uFFFD|",
  ]);
  terminal.type("\rBob five\rBob six\r");
  assertEquals(await entered(screen, 3), [
    "Bob one\ntwo\tthree\nfour\u202e",
    "Bob five",
    "Bob six",
  ]);
});

test("screen says how many lines of a long paste it does not show", async () => {
  await using terminal = new TestTerminal();
  using _screen = new TerminalScreen("Alice", "", terminal);
  terminal.type(PASTE(Array.from({ length: 20 }, (_, n) => `line ${n}`).join("\n")));
  assertEquals((await terminal.rows())[20], "  │ line 19");
  terminal.type(PASTE("\nline 20"));
  assertEquals((await terminal.rows()).slice(-3), [
    "  │ line 18",
    "  │ … 2 more lines",
    "Alice> …line 12⏎line 13⏎line 14⏎line 15⏎line 16⏎line 17⏎line 18⏎line 19⏎line 20",
  ]);
});

test("screen ends at ctrl-C, leaves the typed text visible, and ignores further keys", async () => {
  await using terminal = new TestTerminal();
  using screen = new TerminalScreen("Alice", "Bob Hel", terminal);
  terminal.type("lo\x03 and more");
  assertEquals((await screen[Symbol.asyncIterator]().next()).done, true);
  assertEquals([terminal.listening, screen.typed], [false, "Bob Hello"]);
  screen.print("the end");
  assertEquals(await terminal.rows(), ["Alice> Bob Hello", "the end"]);
});

test("screen leaves nothing behind when it closes with an empty line", async () => {
  await using terminal = new TestTerminal();
  const screen = new TerminalScreen("Alice", "", terminal);
  screen.print("Bob: Hello");
  screen.close();
  screen.pin(() => ["the end"])();
  assertEquals(await terminal.rows(), ["Bob: Hello", "the end"]);
});

test("screen clears the window at ctrl-L, and forgets its lines", async () => {
  await using terminal = new TestTerminal(40, 5);
  using screen = new TerminalScreen("Alice", "", terminal);
  let lost = 0;
  const again = screen.pin(() => ["pinned"], () => lost++);
  terminal.type("Bob\x0c");
  assertEquals(await terminal.window(), ["Alice> Bob|"]);
  again();
  assertEquals(lost, 1);
});

test("screen completes at the tab key, at once or later", async () => {
  await using terminal = new TestTerminal();
  using screen = new TerminalScreen("Alice", "", terminal);
  terminal.type("b\t");
  assertEquals(await terminal.window(), ["Alice> b|"]);
  screen.completer = (before) => before === "b" ? { text: "Bob ", choices: [] } : undefined;
  terminal.type("\tHello\t");
  assertEquals(await terminal.window(), ["Alice> Bob Hello|"]);
  terminal.type("\x15b Hello\x01\x1b[C\t");
  assertEquals(await terminal.window(), ["Alice> Bob| Hello"]);

  const answers: ((completion: Completion) => void)[] = [];
  screen.completer = () => new Promise((resolve) => answers.push(resolve));
  terminal.type("\x05\x15b\t");
  answers.shift()!({ text: "Bob ", choices: [] });
  await eventually("it is completed", () => screen.typed === "Bob ");
  terminal.type("\x15b\t");
  terminal.type("x");
  answers.shift()!({ text: "Bob ", choices: [] });
  await Promise.resolve();
  assertEquals(screen.typed, "bx");
});

test("screen lists the choices above the typed line", async () => {
  await using terminal = new TestTerminal();
  using screen = new TerminalScreen("Alice", "", terminal);
  const choices = (names: string[]) => names.map((name) => ({ name, text: `${name} ` }));
  screen.completer = (text) => ({ text, choices: choices(["Bob", "Bobby"]) });
  terminal.type("Bob\t");
  assertEquals(await terminal.window(), ["Bob  Bobby", "Alice> Bob|"]);
  const many = Array.from({ length: 52 }, (_, n) => `${n}`);
  screen.completer = (text) => ({ text, choices: choices(many) });
  terminal.type("x\t");
  assert((await terminal.rows()).join("").includes("48  49  … 2 more"));
});

test("screen suggests a line that Enter enters, and typing replaces", async () => {
  await using terminal = new TestTerminal();
  using screen = new TerminalScreen("Alice", "", terminal);
  assertEquals(screen.suggest("Bob Hello"), true);
  assertEquals(await terminal.window(), ["Alice> Bob Hello|"]);
  terminal.type("\r");
  screen.suggest("Bob Hello");
  terminal.type("Carol Hi\r");
  screen.suggest("Bob Hello");
  terminal.type("\x7f\x7f!\r");
  assertEquals(await entered(screen, 3), ["Bob Hello", "Carol Hi", "Bob Hel!"]);
  terminal.type("C");
  assertEquals(screen.suggest("Bob Hello"), false);
  assertEquals(await terminal.window(), ["Alice> C|"]);
});

test("screen shows one candidate after the other at further tabs, until another key", async () => {
  await using terminal = new TestTerminal();
  using screen = new TerminalScreen("Alice", "", terminal);
  const names = ["Bob", "Bobby", "Bo B."];
  const asked: string[] = [];
  screen.completer = (before) => {
    asked.push(before);
    const choices = names.map((name) => ({ name, text: `${name} ` }));
    return { text: before === "B" ? "Bo" : before, choices };
  };
  const shown = [];
  terminal.type("B");
  for (const key of ["\t", "\t", "\t", "\t", "\t", "\t", "\x1b[Z", "\x1b[Z"]) {
    terminal.type(key);
    shown.push(screen.typed);
  }
  assertEquals(shown, ["Bo", "Bo", "Bob ", "Bobby ", "Bo B. ", "Bob ", "Bo B. ", "Bobby "]);
  assertEquals(await terminal.window(), ["Bob  Bobby  Bo B.", "Alice> Bobby |"]);
  assertEquals(asked, ["B", "Bo"]);
  for (const key of ["Hi", "\x7f", "\x7f", "\t"]) terminal.type(key);
  assertEquals(asked, ["B", "Bo", "Bobby "]);
  // Shift-Tab first shows the last one, and what follows the cursor stays.
  for (const key of ["\x15Bo you\x01\x06\x06", "\t", "\x1b[Z"]) terminal.type(key);
  assertEquals(await terminal.window(), [
    "Bob  Bobby  Bo B.",
    "Bob  Bobby  Bo B.",
    "Bob  Bobby  Bo B.",
    "Alice> Bo B.| you",
  ]);
});

test("screen shows a note behind the name while there is room", async () => {
  await using terminal = new TestTerminal(40, 10);
  using screen = new TerminalScreen("Alice Liddell", "Bob Hi", terminal);
  screen.note = "3 unread";
  assertEquals(await terminal.window(), ["Alice … (3 unread)> Bob Hi|"]);
  await terminal.resize(24, 10);
  await eventually("it is drawn", async () => (await terminal.rows())[0] === "Alice Lid…> Bob Hi");
  screen.note = "";
  await terminal.resize(40, 10);
  await eventually("all is shown", async () => {
    return (await terminal.rows())[0] === "Alice Liddell> Bob Hi";
  });
});

test("screen goes on below what others have written when the program was stopped", async () => {
  await using terminal = new TestTerminal(40, 10);
  using screen = new TerminalScreen("Alice", "", terminal);
  let lost = 0;
  const again = screen.pin(() => ["pinned"], () => lost++);
  terminal.type("Bob Hel");
  terminal.write("\n[1]+  Stopped\n$ fg\n");
  terminal.resume();
  terminal.type("lo");
  again();
  assertEquals(await terminal.window(), [
    "pinned",
    "Alice> Bob Hel",
    "[1]+  Stopped",
    "$ fg",
    "Alice> Bob Hello|",
  ]);
  assertEquals(lost, 1);
});
