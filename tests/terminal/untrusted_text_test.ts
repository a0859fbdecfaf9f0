/**
 * No text of others makes a terminal do anything. Tests the one function that all text goes through, and the
 * real programs against parties that send such text in every field.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { oneLine, styledLine, toJson } from "@netlab/terminal";
import {
  Capability,
  ErrorCode,
  ErrorKind,
  type Frame,
  FrameType,
  Information,
  MessageKind,
  NIL_UUID,
  readMessage,
  type ReceiptState,
  ReceiptState as State,
  Registration,
  writeDisconnect,
  writeMessage,
  writeReceipts,
} from "@netlab/protocol";
import { Chat } from "../../p2p/terminal/chat/chat.ts";
import type { P2pClient } from "../../p2p/client.ts";
import { TerminalScreen } from "../../p2p/terminal/screen/terminal_screen.ts";
import { pureTest } from "../kinds.ts";
import { freePort, Process } from "../processes.ts";
import { eventually, processTest, RawParty } from "../p2p/network.ts";
import { PERMISSIONS, startClient } from "../p2p/programs.ts";
import { OddServer } from "../rtt/odd_server.ts";
import { TestTerminal } from "../terminal.ts";

/** What must never reach a terminal from others: each kind of character, and sequences of them. */
const DANGERS = [
  ..."\x00\x01\x07\x08\x0b\x0c\x0d\x0e\x1b\x1f\x7f\x80\x84\x85\x90\x9b\x9d\x9f",
  ..."\xad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c",
  ..."\u202d\u202e\u2060\u2064\u2066\u2067\u2068\u2069\u206f\u3164\ufe00\ufeff\ufff9\ufffb",
  "\u{e0001}",
  "\u{e0041}",
  "\ud800",
  "\udfff",
  "\x1b[2J\x1b[31m\x1b[8m\x1b[?1049h",
  "\x1b]0;title\x07\x1b]52;c;Y2xpcA==\x1b\\",
  "\x1bP$q\x1b\\\x1b_x\x1b\\\x1b^x\x1b\\\x1bX\x1b\\\x1bc",
  "\x9b2J\x9d0;title\x9c\x90q\x9c",
];
/** All of them, after a mark that shows where they went. */
const hostile = (mark: string) => `${mark}${DANGERS.map((danger) => `a${danger}b`).join("")}`;
/** Short enough for a name or a reason. */
const BRIEF = "x\x1b[2J\x9b2J\x1b]0;t\x07\x7f\u202ea\u2066b\u200bc\u2028d\x85";

/** Independent of the code that it tests. */
const FORBIDDEN = new RegExp(
  "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u180e\\u200b-\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e0fff}\\ud800-\\udfff]",
  "u",
);

function assertHarmless(text: string, what = ""): void {
  const found = FORBIDDEN.exec(text);
  if (!found) return;
  const near = text.slice(Math.max(0, found.index - 40), found.index + 20);
  assert(false, `${what} contains ${JSON.stringify(found[0])}: ${JSON.stringify(near)}`);
}

pureTest("no character that a terminal obeys or hides is shown, whatever stands around it", () => {
  for (const [before, after] of [["a", "b"], ["", ""], [" ", " "], ["é", "я"]]) {
    for (let code = 0; code <= 0xe0fff; code++) {
      if (code === 0x20000) code = 0xe0000; // nothing but letters and nothing at all between them
      const text = `${before}${String.fromCodePoint(code)}${after}`;
      const shown = oneLine(text);
      if (FORBIDDEN.test(shown)) assertHarmless(shown, `U+${code.toString(16)}`);
    }
  }
  for (const danger of DANGERS) {
    assertHarmless(oneLine(`a${danger}b`));
    assertHarmless(styledLine(`a${danger.replaceAll("\x1b[31m", "")}b`));
    const json = toJson({ [danger]: danger });
    assertHarmless(json);
    assertEquals(JSON.parse(json), { [danger]: danger });
  }
});

pureTest("text that needs joiners and selectors is shown as it is", () => {
  const texts = [
    "👩‍👩‍👧",
    "👁️‍🗨️",
    "❤️",
    "1️⃣",
    "👍🏽",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "می‌خواهم",
    "क्‍ष",
    "葛󠄀",
    "שלום",
    "e\u0301",
    "漢字",
  ];
  for (const text of texts) {
    assertEquals(oneLine(text), text);
    assertEquals(JSON.parse(toJson(text)), text);
  }
});

pureTest("styles are kept in a line of the program, and only those", () => {
  assertEquals(styledLine("\x1b[1m\x1b[31mx\x1b[39m\x1b[22m"), "\x1b[1m\x1b[31mx\x1b[39m\x1b[22m");
  assertEquals(styledLine("\x1b[8mx\x1b[0m\x1b[31;1m"), "\uFFFD[8mx\uFFFD[0m\uFFFD[31;1m");
});

const CAPABILITIES = [Capability.Session, Capability.Peer, Capability.Echo];

/** A server that puts such text into every field of every answer. */
function hostileServer(): OddServer {
  const respond = ({ out }: RawParty, subtype: number, items: readonly string[]) => {
    out.begin(FrameType.InformationResponse, subtype);
    out.text(items.join("\0"));
    out.end();
  };
  const sendError = ({ out }: RawParty, mark: string, subtype: number = ErrorKind.Recoverable) => {
    out.begin(FrameType.Error, subtype);
    out.u16(ErrorCode.NoSuchUser);
    out.text(hostile(mark));
    out.end();
  };
  /** On these, a list with a bad address would end the connection. */
  const users = new Set<RawParty>();
  return new OddServer({
    frame(party, frame: Frame, server) {
      const { out } = party;
      switch (frame.type) {
        case FrameType.InformationRequest:
          return respond(
            party,
            frame.subtype,
            {
              [Information.Capabilities]: [...CAPABILITIES, BRIEF],
              [Information.Servers]: users.has(party)
                ? []
                : [server.address, `${BRIEF}:1`, `a\u202eb:1`],
              [Information.Users]: ["Alice", BRIEF, `a\u202eb`],
            }[frame.subtype] ?? [],
          );
        case FrameType.Registration:
          users.add(party);
          out.begin(FrameType.Registration, Registration.Session);
          out.uuid(NIL_UUID);
          out.shortText(server.address);
          out.shortText("Alice");
          out.end();
          writeMessage(out, {
            id: crypto.randomUUID(),
            sender: "Eve",
            recipient: "Alice",
            text: hostile("TEXT"),
          }, MessageKind.Durable);
          // A sender whose name has no control characters, but the others.
          out.begin(FrameType.Message, MessageKind.Ephemeral);
          out.text(`${crypto.randomUUID()}\0a\u202e\u200bb\0Alice\0NAMED`);
          out.end();
          return sendError(party, "ERROR");
        case FrameType.Message: {
          const { id, text } = readMessage(frame.payload);
          if (text === "bye") sendError(party, "FATAL", ErrorKind.Fatal);
          else if (text === "move") writeDisconnect(out, "", 9);
          const state: ReceiptState = text === "later" ? State.Accepted : State.Refused;
          const reason = state === State.Refused ? `REASON${BRIEF}` : "";
          writeReceipts(out, [{ id, state, code: ErrorCode.NoSuchUser, reason }]);
          return;
        }
        case FrameType.Echo:
          return sendError(party, "ECHO");
      }
    },
  });
}

/** All that a program wrote, line by line. */
const written = ({ stdout, stderr }: Process) => [...stdout, ...stderr];

processTest("a client in a pipe shows no hostile text of a server as it is", async () => {
  await using server = hostileServer();
  const port = Number(server.address.split(":")[1]);
  await using client = startClient("Alice", port);
  await client.waitFor("TEXT");
  for (const line of [`Bob ${BRIEF}`, `${BRIEF.replace("\x85", "")} x`, "/users", "/servers"]) {
    await client.write(`${line}\n`);
  }
  await client.write(`/x\x1b[2J\x9b\n"x\x1b[2J\n${hostile("").replaceAll(/[\r\n]/g, "")}\n`);
  await client.waitForError("REASON");
  await client.waitForError("There is no command");
  await client.write("Bob bye\n");
  await client.waitForError("FATAL");
  for (const line of written(client)) assertHarmless(line, "the client");
});

processTest(
  "no program shows the bytes of a legacy server as they are, not even C1 in one byte",
  async () => {
    await using server = new OddServer({
      frame({ out }, { type, subtype }) {
        if (type === FrameType.InformationRequest) {
          out.begin(FrameType.InformationResponse, subtype);
          if (subtype !== Information.Capabilities) out.text(`${BRIEF}\0${BRIEF}:5001`);
          return out.end();
        }
        const raw = Uint8Array.from([
          0x45,
          0x3a,
          0x20,
          0x9b,
          0x32,
          0x4a,
          0x9d,
          0x30,
          0x3b,
          0x9c,
          0x85,
        ]);
        if (type === FrameType.Registration) {
          out.raw(raw);
          out.raw(new TextEncoder().encode(`Eve: ${hostile("LEGACY")}`));
        }
      },
    });
    const port = Number(server.address.split(":")[1]);
    await using client = startClient("Alice", port);
    await client.waitFor("LEGACY");
    for (const line of written(client)) assertHarmless(line, "the client");
  },
);

for (const json of [false, true]) {
  processTest(
    `a server logs no hostile text as it is, ${json ? "as JSON" : "as text"}`,
    async () => {
      const port = freePort();
      await using peer = hostileServer();
      await using server = Process.start(
        "p2p/server.ts",
        ["--port", `${port}`, "--peer", peer.address, "--verbose", ...json ? ["--json"] : []],
        { permissions: PERMISSIONS },
      );
      await server.waitFor("listening");
      for (const name of [BRIEF, "a\u202e\u200bb", "\x9b"]) {
        await using user = await RawParty.connect({ port });
        user.out.begin(FrameType.Registration, Registration.Session);
        user.out.uuid(crypto.randomUUID());
        user.out.shortText(name);
        user.out.end();
        await eventually("an answer", () => user.frames.length > 0);
        user.out.begin(FrameType.Error, ErrorKind.Recoverable);
        user.out.u16(1);
        user.out.text(hostile("REPORTED"));
        user.out.end();
        await server.waitFor("REPORTED");
      }
      await using other = await RawParty.connect({ port });
      other.out.begin(FrameType.Registration, Registration.Peer);
      other.out.uuid(crypto.randomUUID());
      other.out.shortText(`${BRIEF}:5001`);
      other.out.end();
      await other.nextError();
      for (const line of written(server)) {
        assertHarmless(line, "the log");
        if (json && line.startsWith("{")) JSON.parse(line);
      }
    },
  );
}

processTest("no program that only measures or greets shows hostile text as it is", async () => {
  await using server = hostileServer();
  await using watching = Process.start("rtt/client.ts", ["--watch", server.address]);
  await using recording = Process.start("rtt/client.ts", ["--json", server.address]);
  await using greeting = Process.start("basic/client.ts", [server.address]);
  await watching.waitFor("ECHO");
  await recording.waitFor("ECHO");
  await greeting.finished();
  using plain = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answering = (async () => {
    for (let count = 0; count < 2; count++) {
      using conn = await plain.accept();
      await conn.write(new TextEncoder().encode(`x\x1b[2J\x9b\u202e${"y".repeat(200)}\n`));
    }
  })();
  const to = `127.0.0.1:${plain.addr.port}`;
  const table = await Process.run("basic/client.ts", [to]);
  const objects = await Process.run("basic/client.ts", ["--json", to]);
  await answering;
  assert(table.stdout.join("\n").includes("yyy"));
  const lines = [watching, recording, greeting].flatMap(written);
  for (const line of [...lines, ...table.stdout, ...objects.stdout]) assertHarmless(line);
});

processTest("no program repeats a hostile argument or command as it is", async () => {
  const word = "x\x1b[2J\x1b]0;t\x07\u202e\u200b\x7fy";
  const runs: [program: string, args: string[]][] = [
    ["p2p/server.ts", [`--${word}`]],
    ["p2p/server.ts", ["--host", word]],
    ["p2p/server.ts", ["--data", word, "--port", "0"]],
    ["p2p/client.ts", ["--name", word]],
    ["p2p/client.ts", ["--server", word]],
    ["rtt/client.ts", ["--policy", word, "--watch"]],
    ["basic/client.ts", [word]],
    ["basic/server.ts", [word]],
    ["lab/terminal/lab.ts", [word]],
    ["lab/terminal/lab.ts", ["flap", "--trace", word]],
    ["lab/terminal/lab.ts", ["flap", "--kind", word]],
    ["lab/terminal/lab.ts", ["run", "--system", word]],
    ["lab/terminal/lab.ts", ["proxy", "5001", "--direction", word]],
  ];
  const ended = await Promise.all(runs.map(([program, args]) => Process.run(program, args)));
  for (const [at, { code, stderr, stdout }] of ended.entries()) {
    assert(code !== 0, runs[at]!.join(" "));
    for (const line of [...stderr, ...stdout]) assertHarmless(line, runs[at]!.join(" "));
  }
  await using proxy = Process.start("lab/terminal/lab.ts", ["proxy", "5001"], { stdin: "piped" });
  await proxy.write(`${word}\npartition ${word}\n--${word}\n`);
  await proxy.waitFor("Unknown option");
  for (const line of written(proxy)) assertHarmless(line, "the proxy");
});

/** What the screen itself writes: the cursor, the typed row, the modes, the styles. */
// deno-lint-ignore no-control-regex
const OWN = /\x1b(?:\[(?:\d*A|K|C|J|6n|\?7[hl]|[12]m|22m|3[12369]m|H|2J)|[78])|[\r\n]/g;

pureTest("a conversation at a terminal shows no hostile text as it is", async () => {
  await using terminal = new TestTerminal(100, 40);
  using screen = new TerminalScreen(BRIEF, "", terminal);
  const message = (sender: string, text: string) => ({ id: "", sender, text, recipient: "Alice" });
  const ended = Promise.withResolvers<void>();
  const client = {
    name: BRIEF,
    server: BRIEF,
    users: () => Promise.resolve([BRIEF, "Bob", hostile("USER")]),
    servers: () => Promise.resolve([BRIEF, hostile("SERVER")]),
    send: () => Promise.reject(new Error(hostile("REFUSED"))),
    async *[Symbol.asyncIterator]() {
      yield message(hostile("SENDER"), hostile("TEXT"));
      yield message("", hostile("UNKNOWN"));
      await ended.promise;
    },
    close: () => Promise.resolve(ended.resolve()),
  };
  const chat = new Chat(client as unknown as P2pClient, screen, {
    own: { help: BRIEF, run: () => Promise.resolve([hostile("COMMAND")]) },
  });
  const running = chat.run();
  await eventually("messages", () => terminal.output.includes("UNKNOWN"));
  for (const line of ["/users", "/servers", "/own", "/help", `/x\u202e`, "Bob x\u200by", "bob x"]) {
    terminal.type(`${line}\r`);
  }
  await eventually("answers", () => terminal.output.includes("REFUSED"));
  terminal.type("\t");
  screen.print(Chat.describe({ state: "connected", server: BRIEF, legacy: true })!);
  screen.print(Chat.describe({ state: "reconnecting", reason: hostile("LOST") })!);
  terminal.type("\r/quit\r");
  await running;
  const { output } = terminal;
  for (const mark of ["SENDER", "TEXT", "USER", "SERVER", "REFUSED", "COMMAND", "LOST"]) {
    assert(output.includes(mark), mark);
  }
  assertHarmless(output.replaceAll(OWN, ""), "the terminal");
});
