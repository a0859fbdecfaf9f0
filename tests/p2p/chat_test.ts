import { assertEquals, assertStringIncludes } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { Chat, type ChatCommand, parseLine } from "../../p2p/chat.ts";
import type { Completer, Screen } from "../../p2p/screen.ts";
import { eventually, nextMessage, socketTest, within } from "./network.ts";

/** A screen whose person is the test. */
class FakeScreen implements Screen {
  readonly typed = "";
  readonly shown: string[] = [];
  completer: Completer | undefined;
  suggested: string | undefined;
  /** All that was ever shown, in the order of it. */
  readonly drawn: string[] = [];
  /** Whether the person types at the moment. */
  busy = false;
  /** Whether what is pinned has left the window. */
  scrolled = false;
  readonly #typing = new TransformStream<string, string>(undefined, { highWaterMark: 100 });
  readonly #writer = this.#typing.writable.getWriter();

  constructor(readonly interactive: boolean) {}

  print(line: string): void {
    this.shown.push(line);
  }

  pin(draw: (columns: number) => readonly string[], lost = () => {}): () => void {
    const at = this.shown.length;
    let length = 0;
    const show = () => {
      const lines = draw(80);
      this.drawn.push(...lines);
      this.shown.splice(at, length, ...lines);
      ({ length } = lines);
    };
    show();
    return () => this.scrolled ? lost() : show();
  }

  suggest(line: string): boolean {
    if (!this.busy) this.suggested = line;
    return !this.busy;
  }

  type(line: string): void {
    void this.#writer.write(line);
  }

  close(): void {
    this.#writer.close().catch(() => {});
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    return this.#typing.readable[Symbol.asyncIterator]();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const lines: [line: string, asked: ReturnType<typeof parseLine>][] = [
  ["", { kind: "nothing" }],
  ["  \t ", { kind: "nothing" }],
  ["/users", { kind: "command", name: "users" }],
  ["  /rtt now", { kind: "command", name: "rtt" }],
  ["/", { kind: "command", name: "" }],
  ["Bob Hello", { kind: "message", recipient: "Bob", text: "Hello" }],
  ["Bob  Hello,  you ", { kind: "message", recipient: "Bob", text: "Hello,  you" }],
  ["  Bob Hello", { kind: "message", recipient: "Bob", text: "Hello" }],
  ['"Bob B." Hello', { kind: "message", recipient: "Bob B.", text: "Hello" }],
  ['Bob "quoted"', { kind: "message", recipient: "Bob", text: '"quoted"' }],
  ["李雷 你好", { kind: "message", recipient: "李雷", text: "你好" }],
  ["Bob", { kind: "incomplete", recipient: "Bob" }],
  ["Bob   ", { kind: "incomplete", recipient: "Bob" }],
  ['"Bob B."', { kind: "incomplete", recipient: "Bob B." }],
  ['"Bob', { kind: "misquoted" }],
  ['"Bob B. Hello', { kind: "misquoted" }],
  ['"Bob"B. Hello', { kind: "misquoted" }],
  ['"" Hello', { kind: "misquoted" }],
];

Deno.test({
  name: "chat knows what a line asks for",
  permissions: "none",
  sanitizeOps: true,
  sanitizeResources: true,
  sanitizeExit: true,
  fn() {
    for (const [line, asked] of lines) assertEquals(parseLine(line), asked, JSON.stringify(line));
  },
});

for (const interactive of [true, false]) {
  const who = interactive ? "a person" : "a script";
  socketTest(`chat with ${who} shows what comes and what fails`, async () => {
    await using server = await P2pServer.listen({ limits: { maxMessages: 1 } });
    const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    const screen = new FakeScreen(interactive);
    const extra = { help: "does more", run: () => Promise.resolve(["more"]) };
    let thing = "one thing";
    let again = () => {};
    const live: ChatCommand = {
      help: "goes on changing",
      run: () => Promise.resolve((columns) => [`${thing} in ${columns} columns`]),
      live: (pinned) => again = pinned,
    };
    const chatting = new Chat(alice, screen, { extra, live }).run();
    const shows = (text: string) =>
      eventually(`"${text}" is shown`, () => screen.shown.find((line) => line.includes(text)));

    await bob.send("Alice", "two\nlines \x1b[2J");
    const shown = await shows("lines");
    assertStringIncludes(shown!, "two lines \uFFFD[2J");
    screen.type("Bob Hello");
    await eventually("Bob has it", async () => (await nextMessage(bob)).text === "Hello");
    if (interactive) await shows("✓✓ Bob: Hello");
    screen.type("Nobody Hello");
    if (interactive) await shows("✓ Nobody: Hello");
    screen.type("Nobody Hello again");
    await shows("Cannot keep a message for Nobody");
    screen.type("Bob");
    await shows("Bob Hello; /help");
    screen.type('"Bob B. Hello');
    await shows("between two quotation marks");
    screen.type("/nonsense");
    await shows("no command /nonsense");
    screen.type("/extra");
    await shows("more");
    screen.type("/live");
    await shows("one thing in 80 columns");
    thing = "another thing";
    again();
    assertEquals(screen.shown.filter((line) => line.includes("thing in")), [
      "another thing in 80 columns",
    ]);
    screen.type("/users");
    await shows("Alice");
    screen.type("/help");
    await shows("/quit");
    screen.type("/quit");
    assertEquals(await within("the end", chatting), interactive ? 0 : 4);
    assertEquals(
      screen.shown.filter((line) => line.includes("✓")),
      interactive ? ["✓✓ Bob: Hello", "✓ Nobody: Hello"] : [],
    );
    assertEquals(server.users(), ["Bob"]);
  });
}
