import { assertEquals } from "@std/assert";
import { pureTest as test } from "../../kinds.ts";
import {
  complete,
  nearName,
  Recipients,
  similarName,
  typedName,
} from "../../../p2p/terminal/chat/recipients.ts";
import { parseLine } from "../../../p2p/terminal/chat/chat_line.ts";

const NAMES = [
  "Alice",
  "Ann Lee",
  "Ann Lowe",
  "Bob",
  "Bobby",
  "Carol B.",
  "/x",
  'q"x',
  'a "b',
  "李雷",
];
const COMMANDS = ["users", "servers", "help", "quit"];

const completions: [before: string, text: string | undefined, choices?: string[]][] = [
  ["", undefined],
  ["Al", "Alice "],
  ["  Al", "Alice "],
  ["al", "Alice "],
  ["@al", "Alice "],
  ["李", "李雷 "],
  ["Zed", undefined],
  ["Alice", "Alice "],
  ["Alice ", undefined],
  ["Alice H", undefined],
  ["B", "Bob", ["Bob", "Bobby"]],
  ["Bob", "Bob", ["Bob", "Bobby"]],
  ["b", "b", ["Bob", "Bobby"]],
  ["bobb", "Bobby "],
  ["Ca", '"Carol B." '],
  ["ca", '"Carol B." '],
  ['"ca', '"Carol B." '],
  ['"Carol B', '"Carol B." '],
  ['"Carol B."', undefined],
  ['"', undefined],
  ["Ann", '"Ann L', ["Ann Lee", "Ann Lowe"]],
  ['"Ann Le', '"Ann Lee" '],
  ['"Al', '"Alice" '],
  ['"/', '"/x" '],
  ["q", 'q"x '],
  ["a ", undefined],
  ["a", "a", ["Alice", "Ann Lee", "Ann Lowe"]],
  ["/", "/", ["/help", "/quit", "/servers", "/users"]],
  ["/us", "/users "],
  ["/US", "/users "],
  ["/x", undefined],
  ["/users ", undefined],
];
test("complete finds the recipient or the command that a line begins with", () => {
  for (const [before, text, choices = []] of completions) {
    const expected = text === undefined ? undefined : { text, choices };
    assertEquals(complete(before, NAMES, COMMANDS), expected, JSON.stringify(before));
  }
});

test("complete quotes a name where necessary", () => {
  for (const name of NAMES) {
    const completed = complete(typedName(name) === name ? name : `"${name}`, NAMES, []);
    const asked = parseLine(`${completed?.text ?? ""} Hello`);
    const recipient = asked.kind === "message" ? asked.recipient : undefined;
    // This name cannot be typed.
    assertEquals(recipient, name === 'a "b' ? undefined : name, name);
  }
});

const near: [typed: string, name: string | undefined][] = [
  ["bob", "Bob"],
  ["@Bob", "Bob"],
  ["Bob:", "Bob"],
  ["Bob,", "Bob"],
  ["@bOB:", "Bob"],
  ["bobb", undefined],
  ["Bo", undefined],
  ["@", undefined],
  [":", undefined],
  ["李雷:", "李雷"],
  ["max", undefined],
  ["@max:", undefined],
  ["@Max", "Max"],
  ["re\u0301ne\u0301", "Réné"],
];
test("nearName finds the only matching name", () => {
  const names = ["Bob", "Alice", "李雷", "Max", "MAX", "Réné"];
  for (const [typed, name] of near) assertEquals(nearName(typed, names), name, typed);
});

test("recipients are the users of the last list and those of the conversation", async () => {
  let users: string[] | Error = ["Bob", "Carol"];
  let asked = 0;
  const recipients = new Recipients(() => {
    asked++;
    return users instanceof Error ? Promise.reject(users) : Promise.resolve(users);
  });
  assertEquals([...recipients], []);
  recipients.meet("Zed");
  recipients.meet("");
  const refreshing = recipients.refresh();
  assertEquals(recipients.refresh(), refreshing);
  await refreshing;
  assertEquals([[...recipients], asked], [["Bob", "Carol", "Zed"], 1]);
  users = new Error("no server");
  await recipients.refresh();
  assertEquals([...recipients], ["Bob", "Carol", "Zed"]);
  users = ["Dave"];
  await recipients.refresh();
  assertEquals([...recipients], ["Dave", "Zed"]);
  assertEquals(["Dave", "Zed", "Bob"].map((name) => recipients.has(name)), [true, true, false]);
});

test("similarName finds the name that was probably mistyped, if there is only one", () => {
  const names = ["Bob", "Alice", "Rob", "Zoë", "Bbo"];
  const cases: [string, string | undefined][] = [
    ["Bbo", "Bob"],
    ["bbo", "Bbo"],
    ["Alcie", "Alice"],
    ["Alise", "Alice"],
    ["Zoe", "Zoë"],
    ["Gob", undefined],
    ["Mallory", undefined],
    ["", undefined],
  ];
  for (const [typed, name] of cases) assertEquals(similarName(typed, names), name, typed);
  assertEquals(similarName("Bob", []), undefined);
});
