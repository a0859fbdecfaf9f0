import { assertEquals } from "@std/assert";
import { pureTest as test } from "../../kinds.ts";
import { complete } from "../../../p2p/terminal/chat/completion.ts";
import { parseLine } from "../../../p2p/terminal/chat/chat_line.ts";
import { typedName } from "../../../p2p/terminal/chat/names.ts";

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
const COMMANDS = new Map([
  ["users", {}],
  ["servers", {}],
  ["help", {}],
  ["quit", {}],
  ["whois", { argument: "user" as const }],
  ["timestamps", { argument: ["on", "off"] }],
]);

const completions: [before: string, text: string | undefined, choices?: string[]][] = [
  ["", undefined],
  ["Al", "Alice "],
  ["  Al", "  Alice "],
  ["al", "Alice "],
  ["@al", "Alice "],
  ["李", "李雷 "],
  ["Zed", undefined],
  ["Alice", "Alice "],
  ["Alice ", undefined],
  ["Alice H", undefined],
  ["B", "Bob", ["Bob", "Bobby"]],
  ["Bob", "Bob", ["Bob", "Bobby"]],
  ["b", "Bob", ["Bob", "Bobby"]],
  ["@b", "Bob", ["Bob", "Bobby"]],
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
  ["/", "/", ["help", "quit", "servers", "timestamps", "users", "whois"]],
  ["/us", "/users "],
  ["/US", "/users "],
  ["  /us", "  /users "],
  ["/x", undefined],
  ["/users ", undefined],
  ["/users A", undefined],
  ["/whois Bo", "/whois Bob", ["Bob", "Bobby"]],
  ["/whois  al", "/whois  Alice "],
  ["/whois @al", "/whois Alice "],
  ["/whois ca", '/whois "Carol B." '],
  ['/whois "ca', '/whois "Carol B." '],
  ["/whois Alice x", undefined],
  ["/timestamps o", "/timestamps o", ["on", "off"]],
  ["/timestamps of", "/timestamps off "],
  ["/nonsense A", undefined],
  // In the text of a message.
  ["Bob ask Al", "Bob ask Alice "],
  ["Bob ask @al", "Bob ask @Alice "],
  ["Bob (al", "Bob (Alice "],
  ["Bob ask Bo", "Bob ask Bob", ["Bob", "Bobby"]],
  ["Bob ask ca", "Bob ask Carol B. "],
  ["Bob ask Zed", undefined],
  ["Bob ask ", undefined],
  ["Bob one\nask al", "Bob one\nask Alice "],
  ['"Carol B." ask al', '"Carol B." ask Alice '],
];
test("complete finds commands, recipients, and names in the text", () => {
  for (const [before, text, names = []] of completions) {
    const completion = complete(before, NAMES, COMMANDS);
    const found = [completion?.text, completion?.choices.map(({ name }) => name)];
    const expected = [text, text === undefined ? undefined : names];
    assertEquals(found, expected, JSON.stringify(before));
  }
});

test("complete writes each candidate as it would write it alone", () => {
  const textsOf = (before: string) =>
    complete(before, NAMES, COMMANDS)?.choices.map(({ text }) => text);
  assertEquals(textsOf("Ann"), ['"Ann Lee" ', '"Ann Lowe" ']);
  assertEquals(textsOf("@bo"), ["Bob ", "Bobby "]);
  assertEquals(textsOf("Zed tell @Ann"), ["Zed tell @Ann Lee ", "Zed tell @Ann Lowe "]);
  assertEquals(textsOf("/timestamps "), ["/timestamps on ", "/timestamps off "]);
});

test("complete quotes a name where necessary", () => {
  for (const name of NAMES) {
    const completed = complete(typedName(name) === name ? name : `"${name}`, NAMES, new Map());
    const asked = parseLine(`${completed?.text ?? ""} Hello`);
    const recipient = asked.kind === "message" ? asked.recipient : undefined;
    // This name cannot be typed.
    assertEquals(recipient, name === 'a "b' ? undefined : name, name);
  }
});
