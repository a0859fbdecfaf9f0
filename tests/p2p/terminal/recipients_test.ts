import { assertEquals } from "@std/assert";
import { pureTest as test } from "../../kinds.ts";
import { nearName, similarName } from "../../../p2p/terminal/chat/names.ts";
import { Recipients } from "../../../p2p/terminal/chat/recipients.ts";

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
  let users: string[] | Error = ["Carol", "Bob"];
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
  assertEquals([[...recipients], asked], [["Zed", "Bob", "Carol"], 1]);
  users = new Error("no server");
  await recipients.refresh();
  assertEquals([...recipients], ["Zed", "Bob", "Carol"]);
  recipients.meet("Carol");
  assertEquals([...recipients], ["Carol", "Zed", "Bob"], "the latest first");
  users = ["Dave"];
  await recipients.refresh();
  assertEquals([...recipients], ["Carol", "Zed", "Dave"]);
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
