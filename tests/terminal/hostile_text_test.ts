import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { finalReplyTo, replyTo } from "../../basic/greeting.ts";
import {
  clip,
  describeError,
  displayWidth,
  logged,
  oneLine,
  parseOptions,
  stopsTogether,
  terminalLogger,
  UsageError,
} from "@netlab/terminal";
import { readTrace } from "@netlab/lab/flap";
import { Chat } from "../../p2p/terminal/chat/chat.ts";
import { parseLine } from "../../p2p/terminal/chat/chat_line.ts";
import { complete } from "../../p2p/terminal/chat/completion.ts";
import { nearName, typedName } from "../../p2p/terminal/chat/names.ts";
import { legacyMessage } from "../../p2p/client/connection/legacy_text.ts";
import { reasonOf } from "@netlab/protocol";
import * as protocol from "@netlab/protocol";
import { reasonIn, whyNot } from "../../rtt/client/reasons.ts";
import { repeated, superlinearText } from "../growth.ts";
import { pureTest as test } from "../kinds.ts";

const { ErrorCode, NetlabError } = protocol;
const encode = (text: string) => new TextEncoder().encode(text);
/** An error frame that holds the text. */
const errorFrame = (text: string) => {
  const bytes = encode(`\0\0\0\0\0\0\0\x0e${text}`);
  return Object.assign(new protocol.Frame(), { bytes, start: 6, end: bytes.length });
};

const COMMANDS = new Map([["users", {}], ["whois", { argument: "user" as const }]]);

/** Functions of text from others: from frames, files, pipes and the system. */
const functions: Record<string, (text: string) => unknown> = {
  oneLine,
  displayWidth,
  logged,
  "describeError of any error": (text) => describeError(new Error(text)),
  "describeError of a cause": (text) => describeError(new Error("Cannot", { cause: text })),
  "describeError of netlab's": (text) => describeError(new NetlabError(ErrorCode.Closed, text)),
  "describeError of several": (text) => describeError(new AggregateError(text.split(/[: ]/))),
  "describeError of a permission": (text) =>
    describeError(new Deno.errors.NotCapable(`Requires net access to "${text}`)),
  "a log line for people": (text) => terminalLogger().info("{from}: {text}", { from: text, text }),
  "a log line with an untrusted template": (text) => terminalLogger().info(text, { a: 1 }),
  "a log line for programs": (text) =>
    terminalLogger({ json: true }).info("{text}", { text, error: new Error(text) }),
  "parseOptions of an address": (text) =>
    assertThrows(
      () => parseOptions({ at: { kind: "address", help: "" } }, ["--at", text]),
      UsageError,
    ),
  parseLine,
  "Chat.describe": (reason) => Chat.describe({ state: "reconnecting", reason }),
  replyTo,
  finalReplyTo,
  nearName: (text) => nearName(text, ["Bob", text.slice(1)]),
  "complete before a name": (text) => complete(text, ["Bob", text], COMMANDS),
  "complete a quoted name": (text) => complete(`"${text}`, ["Bob", text], COMMANDS),
  "complete a command": (text) => complete(`/${text}`, ["Bob", text], COMMANDS),
  "complete its argument": (text) => complete(`/whois ${text}`, ["Bob", text], COMMANDS),
  "complete in a message": (text) => complete(`Bob ${text}`, ["Bob", text], COMMANDS),
  stopsTogether: (text) => stopsTogether(`7 7 deno ${text}\n8 7 ${text}`, 8),
  typedName,
  legacyMessage: (text) => legacyMessage(text, false, "Nina"),
  reasonOf,
  whyNot: (text) => whyNot(new Error(text)),
  reasonIn,
  clip: (text) => clip(text, 80),
  readTrace: (text) => readTrace("a trace", text),
  canonicalAddress: protocol.canonicalAddress,
  parseHost: protocol.parseHost,
  quote: protocol.quote,
  parseAddress: protocol.parseAddress,
  invalidNameReason: protocol.invalidNameReason,
  checkName: protocol.checkName,
  readName: (text) => protocol.readName(encode(text), 0, encode(text).length),
  readServers: (text) => protocol.readServers(encode(text)),
  readUsers: (text) => protocol.readUsers(encode(text)),
  readCapabilities: (text) => protocol.readCapabilities(encode(text)),
  readLoad: (text) => protocol.readLoad(text.split("\0")),
  readAnnouncement: (text) => protocol.readAnnouncement(encode(text)),
  readLegacyName: (text) => protocol.readLegacyName(encode(text)),
  readError: (text) => protocol.readError(errorFrame(text)),
  readMessage: (text) => protocol.readMessage(encode(`${crypto.randomUUID()}\0A\0B\0${text}`)),
};

/** Does the work, and returns how many bytes it would have printed. */
async function silenced(work: () => unknown): Promise<number> {
  let bytes = 0;
  try {
    Deno.stdout.write = (part) => {
      bytes += part.length;
      return Promise.resolve(part.length);
    };
    await work();
    await logged();
  } finally {
    Reflect.deleteProperty(Deno.stdout, "write");
  }
  return bytes;
}

for (const [name, run] of Object.entries(functions)) {
  test(`${name} takes time in proportion to the length of any text`, async () => {
    await silenced(() => assertEquals(superlinearText(run), undefined));
  });
}

test("superlinearText finds an expression that backtracks", () => {
  const careless = (text: string) => text.replace(/\s*[\r\n]+\s*/g, " ");
  assertNotEquals(superlinearText(careless), undefined);
});

test("oneLine joins lines without the white space around the breaks, and keeps other white space", () => {
  const lines: [text: string, line: string][] = [
    ["a\nb", "a b"],
    ["a  \r\n\t \n  b", "a b"],
    ["  a  b \t", "  a  b  "],
    ["\r\n", " "],
    ["a\u2028 \n\u00a0b", "a b"],
    ["a\x1b[2J\x85\x9b\x7f", "a\uFFFD[2J\uFFFD\uFFFD\uFFFD"],
    ["", ""],
    [repeated(" ", 65_000, "x"), repeated(" ", 65_000, "x")],
    [repeated(" ", 65_000, "\n"), " "],
  ];
  for (const [text, line] of lines) {
    assertEquals(oneLine(text), line, JSON.stringify(text.slice(0, 20)));
  }
});

test("the logger in the tests of time writes its line", async () => {
  const bytes = await silenced(() => functions["a log line for people"]!("x"));
  assert(bytes > 0);
});
