import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "@netlab/protocol";
import { type DeliveryStatus, type Message, P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { pureTest as test } from "../../kinds.ts";
import { Chat } from "../../../p2p/terminal/chat/chat.ts";
import type { ChatCommand } from "../../../p2p/terminal/chat/chat_commands.ts";
import { parseLine } from "../../../p2p/terminal/chat/chat_line.ts";
import { eventually, nextMessage, socketTest, within } from "../network.ts";
import { FakeClient, FakeScreen, talk } from "./chat_parts.ts";

test("chat with a script reads no line before there is room for it, and stops at once when told to", async () => {
  const client = new FakeClient();
  const screen = new FakeScreen(false);
  let room = Promise.withResolvers<void>();
  client.ready = () => room.promise;
  const stop = new AbortController();
  const talking = new Chat(client as unknown as P2pClient, screen).run(stop.signal);
  for (let number = 0; number < 50; number++) screen.type(`Bob ${number}`);
  await eventually("it waits", () => screen.taken > 0);
  assertEquals([screen.taken, client.sent], [1, []]);
  const last = room;
  room = Promise.withResolvers();
  last.resolve();
  await eventually("it goes on", () => screen.taken > 1);
  assertEquals([screen.taken, client.sent], [2, ["Bob: 0"]]);
  stop.abort();
  assertEquals(await within("the end", talking), 49);
  assertEquals(client.sent, ["Bob: 0"]);
  assertStringIncludes(screen.shown.at(-1)!, "49");
});

for (const interactive of [true, false]) {
  test(`chat takes a message when it is written, ${interactive ? "at a terminal" : "in a pipe"}`, async () => {
    const client = new FakeClient();
    client.received.push({ id: "", sender: "Bob", recipient: "Alice", text: "one" });
    let asked = 0;
    const messages = client[Symbol.asyncIterator]();
    client[Symbol.asyncIterator] = () => ({
      next: () => {
        asked++;
        return messages.next();
      },
    } as AsyncGenerator<Message>);
    const screen = new FakeScreen(interactive);
    const written = Promise.withResolvers<void>();
    screen.written = () => written.promise;
    const end = talk(client, screen);
    await eventually("it is printed", () => screen.shown.some((line) => line.includes("one")));
    assertEquals(asked, 1);
    written.resolve();
    await eventually("it is taken", () => asked === 2);
    await end();
  });
}

const lines: [line: string, asked: ReturnType<typeof parseLine>][] = [
  ["", { kind: "nothing" }],
  ["  \t ", { kind: "nothing" }],
  ["/users", { kind: "command", name: "users", argument: "" }],
  ["  /rtt now", { kind: "command", name: "rtt", argument: "now" }],
  ["/whois   Bob B. ", { kind: "command", name: "whois", argument: "Bob B." }],
  ["/", { kind: "command", name: "", argument: "" }],
  ["Bob Hello", { kind: "message", recipient: "Bob", text: "Hello" }],
  ["Bob  Hello,  you ", { kind: "message", recipient: "Bob", text: "Hello,  you" }],
  ["  Bob Hello", { kind: "message", recipient: "Bob", text: "Hello" }],
  ['"Bob B." Hello', { kind: "message", recipient: "Bob B.", text: "Hello", quoted: true }],
  ['Bob "quoted"', { kind: "message", recipient: "Bob", text: '"quoted"' }],
  ["李雷 你好", { kind: "message", recipient: "李雷", text: "你好" }],
  ["Bob", { kind: "incomplete", recipient: "Bob" }],
  ["Bob   ", { kind: "incomplete", recipient: "Bob" }],
  ["Bob one\ntwo\n\n  three\n", { kind: "message", recipient: "Bob", text: "one\ntwo\n\n  three" }],
  ["Bob\none", { kind: "message", recipient: "Bob", text: "one" }],
  ["Bob\n\n", { kind: "incomplete", recipient: "Bob" }],
  ["/users\nBob Hello", { kind: "command", name: "users", argument: "Bob Hello" }],
  ['"Bob B."', { kind: "incomplete", recipient: "Bob B." }],
  ['"Bob', { kind: "misquoted" }],
  ['"Bob B. Hello', { kind: "misquoted" }],
  ['"Bob"B. Hello', { kind: "misquoted" }],
  ['"" Hello', { kind: "misquoted" }],
  ['"Bob\nsaid" Hello', { kind: "misquoted" }],
];

test("chat parses lines", () => {
  for (const [line, asked] of lines) assertEquals(parseLine(line), asked, JSON.stringify(line));
});

for (const interactive of [true, false]) {
  const who = interactive ? "a person" : "a script";
  socketTest(`chat with ${who} shows messages and failures`, async () => {
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
    const lines = interactive ? "two\n  │ lines" : "two lines";
    assertStringIncludes(shown!, `${lines} \uFFFD[2J`);
    screen.type("Bob Hello");
    await eventually("Bob has it", async () => (await nextMessage(bob)).text === "Hello");
    if (interactive) await shows("→ Bob: Hello  ✓✓");
    screen.type("Nobody Hello");
    if (interactive) await shows("→ Nobody: Hello  ✓");
    screen.type("Nobody Hello again");
    await shows("Cannot store a message for Nobody");
    screen.type("Bob");
    await shows("Bob Hello; /help");
    screen.type('"Bob B. Hello');
    await shows("in quotation marks");
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
    const sent = screen.shown.filter((line) => line.includes("→"));
    screen.type("/help");
    await shows("/quit");
    screen.type("/quit");
    assertEquals(await within("the end", chatting), interactive ? 0 : 4);
    assertEquals(
      sent,
      interactive ? ["→ Bob: Hello  ✓✓", "→ Nobody: Hello  ✓", "→ Nobody: Hello again  ✗"] : [],
    );
    assertEquals(server.users(), ["Bob"]);
  });
}

const SENDERS: [sender: string, person: string, script: string][] = [
  ["Bob", "Bob: Hello", "Bob: Hello"],
  ["Bob B.", '"Bob B.": Hello', "Bob B.: Hello"],
  // Messages from these must not look like sent messages or like messages from unknown senders.
  ["→ Bob", '"→ Bob": Hello', "→ Bob: Hello"],
  ["(unknown sender)", '"(unknown sender)": Hello', "(unknown sender): Hello"],
  ["", "(unknown sender) Hello", ": Hello"],
];
for (const [interactive, who] of [[true, "a person"], [false, "a script"]] as const) {
  test(`chat shows ${who} the sender, and invents none`, async () => {
    const client = new FakeClient();
    const screen = new FakeScreen(interactive);
    client.received.push(
      ...SENDERS.map(([sender]) => ({ id: "", sender, recipient: "Alice", text: "Hello" })),
    );
    const end = talk(client, screen);
    await eventually("all are shown", () => screen.shown.length === SENDERS.length);
    assertEquals(screen.shown, SENDERS.map((shown) => shown[interactive ? 1 : 2]));
    await end();
  });
}

test("chat sends and shows a text of several lines as one message", async () => {
  const client = new FakeClient();
  const screen = new FakeScreen(true);
  client.received.push({
    id: "",
    sender: "Bob",
    recipient: "Alice",
    text: "one\r\nAlice: two\n\tthree",
  });
  const end = talk(client, screen);
  await eventually("it is shown", () => screen.shown.length === 1);
  assertEquals(screen.shown[0], "Bob: one\n  │ Alice: two\n  │     three");
  screen.type("Bob one\n/quit\nAlice two");
  await eventually("it is delivered", () => screen.shown.at(-1)!.endsWith("✓✓"));
  assertEquals(client.sent, ["Bob: one\n/quit\nAlice two"]);
  assertEquals(screen.shown.slice(1), ["→ Bob: one", "  │ /quit", "  │ Alice two  ✓✓"]);
  await end();
});

test("chat says what Enter does with a paste", async () => {
  const client = new FakeClient();
  const screen = new FakeScreen(true);
  const end = talk(client, screen);
  await eventually("Bob is known", () => screen.completer!("Bo") instanceof Promise === false);
  assertEquals(
    screen.describePaste!("Bob one\ntwo"),
    "Enter sends this to Bob as one message; ctrl-U discards it:",
  );
  assertEquals(
    screen.describePaste!("Dear all,\ntwo"),
    "You see no user Dear. Enter sends this to Dear as one message; ctrl-U discards it:",
  );
  const neither = "Enter sends no message with this; ctrl-U discards it:";
  for (const text of ["/users\ntwo", '"Bob\ntwo', "\n"]) {
    assertEquals(screen.describePaste!(text), neither, JSON.stringify(text));
  }
  await end();
});

test("chat shows no tick for a message to a program that confirms nothing", async () => {
  const client = new FakeClient();
  const screen = new FakeScreen(true);
  const outcome = Promise.withResolvers<DeliveryStatus>();
  client.outcome = () => outcome.promise;
  const end = talk(client, screen);
  screen.type('"Bob B." two  words');
  await eventually("it is shown", () => screen.shown.at(-1) === '→ "Bob B.": two  words  ✓');
  outcome.resolve("sent");
  await eventually("it is sent", () => screen.shown.at(-1) === '→ "Bob B.": two  words  sent');
  assertEquals(screen.shown.length, 1);
  screen.type("Bob at once");
  await eventually("it is sent", () => screen.shown.at(-1) === "→ Bob: at once  sent");
  assertEquals(screen.drawn.slice(-2), ["→ Bob: at once", "→ Bob: at once  sent"]);
  await end();
});

test("chat shows a message again when it is delivered long after it was sent", async () => {
  const client = new FakeClient();
  const screen = new FakeScreen(true);
  const outcome = Promise.withResolvers<DeliveryStatus>();
  client.outcome = () => outcome.promise;
  const end = talk(client, screen);
  const text = "word ".repeat(30).trim();
  screen.type(`Bob ${text}`);
  await eventually("it is shown", () => screen.shown.at(-1) === `→ Bob: ${text}  ✓`);
  screen.scrolled = true;
  outcome.resolve("delivered");
  await eventually("it is delivered", () => screen.shown.length === 2);
  assertEquals(screen.shown[1], `${`→ Bob: ${text}`.slice(0, 74)}…  ✓✓`);
  assertEquals(screen.shown[1]!.length, 79);
  await end();
});

test("chat says once that nobody has used a name, and which name was probably meant", async () => {
  const client = new FakeClient();
  const screen = new FakeScreen(true);
  const end = talk(client, screen);
  client.notice = {
    code: ErrorCode.UnknownRecipient,
    message: "no one called Bbo has been here; kept for 7 days",
  };
  for (let count = 1; count <= 2; count++) {
    screen.type("Bbo Hello");
    await eventually("it is sent", () => client.sent.length === count);
  }
  await eventually("both are marked", () => screen.shown.length === 3);
  assertEquals(screen.shown.filter((line) => !line.startsWith("→")), [
    "no one called Bbo has been here; kept for 7 days. Did you mean Bob?",
  ]);
  client.notice = { code: ErrorCode.NotStored, message: "delivered without being stored" };
  screen.type("Bob Hello");
  await eventually("it is marked", () => screen.shown.includes("→ Bob: Hello  ✓✓ not stored"));
  await end();
});

test("chat suggests the user who is probably meant, and sends nothing before Enter", async () => {
  const client = new FakeClient();
  const screen = new FakeScreen(true);
  const end = talk(client, screen);
  for (const typed of ["bob", "@Bob", "Bob:", "@bob,"]) {
    screen.suggested = undefined;
    screen.type(`${typed} Hello  you`);
    await eventually(`${typed} is answered`, () => screen.suggested);
    assertEquals(screen.suggested, "Bob Hello  you");
    assertEquals(
      screen.shown.at(-1),
      `Not sent: there is no user ${typed}, but there is Bob. Press Enter to send it to Bob, ` +
        `or type "${typed}" Hello to write to ${typed} anyway.`,
    );
  }
  screen.busy = true;
  screen.type("bob Hello");
  await eventually(
    "how is said",
    () => screen.shown.at(-1)!.includes("Type Bob Hello to write to Bob,"),
  );
  assertEquals(client.sent, []);
  screen.type('"bob" one');
  screen.type("bob two");
  screen.type("Zed three");
  screen.type("Bob four");
  await eventually("all are sent", () => client.sent.length === 4);
  assertEquals(client.sent, ["bob: one", "bob: two", "Zed: three", "Bob: four"]);
  await end();
});

test("chat knows a user who joined after the last list", async () => {
  const client = new FakeClient();
  const screen = new FakeScreen(true);
  const end = talk(client, screen);
  await eventually("Bob is known", () => screen.completer!("Bo"));
  client.list = () => Promise.resolve(["Alice", "Bob", "Carol"]);
  assertEquals(await screen.completer!("Car"), { text: "Carol ", choices: [] });
  client.list = () => Promise.resolve(["Alice", "Bob", "bob"]);
  screen.type("bob Hello");
  await eventually("it is sent", () => client.sent.length === 1);
  assertEquals([client.sent, screen.suggested], [["bob: Hello"], undefined]);
  await end();
});

for (
  const [what, list] of [
    ["fails", () => Promise.reject(new Error("no server"))],
    ["takes for ever", () => new Promise<string[]>(() => {})],
  ] as const
) {
  test(`chat sends and completes while the list of users ${what}`, async () => {
    const client = new FakeClient();
    const screen = new FakeScreen(true);
    const end = talk(client, screen);
    await eventually("Bob is known", () => screen.completer!("Bo") instanceof Promise === false);
    client.list = list;
    assertEquals(screen.completer!("b"), { text: "Bob ", choices: [] });
    assertEquals(screen.completer!("/us"), { text: "/users ", choices: [] });
    screen.type("Zed Hello");
    screen.type("Bob Hello");
    await eventually("both are sent", () => client.sent.length === 2);
    screen.type("bob Hello");
    await eventually("Bob is suggested", () => screen.suggested === "Bob Hello");
    assertEquals(client.sent, ["Zed: Hello", "Bob: Hello"]);
    await end();
  });
}

test(
  "chat with a script sends to exactly the given name, and asks no questions",
  async () => {
    const client = new FakeClient();
    const screen = new FakeScreen(false);
    client.list = () => Promise.reject(new Error("asked"));
    const end = talk(client, screen);
    for (const line of ["bob Hello", "@Bob Hello", "Bob: Hello"]) screen.type(line);
    assertEquals(await end(), 0);
    assertEquals(client.sent, ["bob: Hello", "@Bob: Hello", "Bob:: Hello"]);
    assertEquals([screen.shown, screen.completer], [[], undefined]);
  },
);

test("chat knows no command but its own, whatever every object has", async () => {
  const screen = new FakeScreen(true);
  const end = talk(new FakeClient(), screen);
  const names = ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"];
  for (const name of names) screen.type(`/${name}`);
  screen.type(`/${"x".repeat(500)}`);
  await end();
  const complaints = screen.shown.filter((line) => line.includes("There is no command"));
  assertEquals(complaints.length, names.length + 1);
  for (const [at, name] of names.entries()) assertStringIncludes(complaints[at]!, `/${name};`);
  assertStringIncludes(complaints.at(-1)!, `/${"x".repeat(80)}… (500 characters);`);
});

test("chat says of a message that it waits for the server when none has stored it after a second", async () => {
  const client = new FakeClient();
  const accepted = Promise.withResolvers<void>();
  const { send } = client;
  client.send = async (recipient, text) => {
    await accepted.promise;
    return send.call(client, recipient, text);
  };
  const screen = new FakeScreen(true);
  const end = talk(client, screen);
  screen.type("Bob hello");
  const line = () => screen.shown.find((each) => each.includes("→ Bob: hello"));
  await eventually("it waits", () => line()?.includes("hello  waiting for the server"));
  accepted.resolve();
  await eventually("it is delivered", () => line()?.includes("hello  ✓✓"));
  await end();
});

test("chat says which command was probably meant by an unknown one", async () => {
  const screen = new FakeScreen(true);
  const end = talk(new FakeClient(), screen);
  const asked = ["hepl", "user", "time", "Users", "msg Bob Hello", "nick Bob", "", "s"];
  for (const command of asked) screen.type(`/${command}`);
  await end();
  assertEquals(screen.shown, [
    "There is no command /hepl; did you mean /help? /help lists them all",
    "There is no command /user; did you mean /users? /help lists them all",
    "There is no command /time; did you mean /timestamps? /help lists them all",
    "There is no command /Users; did you mean /users? /help lists them all",
    "There is no command /msg; type only the name and the message: Bob Hello",
    "There is no command /nick; /help lists the commands",
    "There is no command /; /help lists the commands",
    "There is no command /s; did you mean /servers? /help lists them all",
  ]);
});

test("chat turns the times before messages on and off", async () => {
  const screen = new FakeScreen(true);
  const client = new FakeClient();
  const end = talk(client, screen);
  screen.type("/timestamps");
  screen.type("Bob one");
  await eventually("it is delivered", () => screen.shown.at(-1)?.endsWith("✓✓"));
  assertMatch(screen.shown.at(-1)!, /^\d\d:\d\d → Bob: one {2}✓✓$/);
  screen.type("/timestamps maybe");
  screen.type("/timestamps off");
  screen.type("Bob two");
  await eventually("it is delivered", () => screen.shown.at(-1) === "→ Bob: two  ✓✓");
  assertEquals(screen.shown.filter((line) => !line.includes("→")), [
    "/timestamps",
    "timestamps are on for later messages",
    "/timestamps maybe",
    'Cannot set the timestamps to "maybe"; type on or off',
    "/timestamps off",
    "timestamps are off for later messages",
  ]);
  await end();
});
