import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ErrorCode, FrameType, MessageKind, writeMessage } from "@netlab/protocol";
import { type ClientStatus, P2pClient, type Sent } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { freePort } from "../../processes.ts";
import {
  assertFails,
  eventually,
  Inbox,
  nextMessage,
  RawParty,
  ScriptedServer,
  socketTest as test,
  within,
} from "../network.ts";

/** Two servers that know each other. */
async function twoServers(): Promise<{ first: P2pServer; second: P2pServer } & AsyncDisposable> {
  const first = await P2pServer.listen();
  const second = await P2pServer.listen({ peers: [first.address] });
  await eventually("both are linked", () => first.peers().length + second.peers().length === 2);
  return {
    first,
    second,
    async [Symbol.asyncDispose]() {
      await Promise.all([first.close(), second.close()]);
    },
  };
}

test("p2p client sends to a user of its own server, and of another", async () => {
  await using servers = await twoServers();
  const { first, second } = servers;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [first.address] });
  await using carol = await P2pClient.connect({ name: "Carol", servers: [second.address] });

  await alice.send("Bob", "Hello");
  const message = await nextMessage(bob);
  assertEquals({ ...message, id: "" }, {
    id: "",
    sender: "Alice",
    recipient: "Bob",
    text: "Hello",
  });
  await eventually("the first server knows Carol", () => first.users().includes("Carol"));
  await alice.send("Carol", "nul \0, 李雷, 🦊\n");
  assertEquals((await nextMessage(carol)).text, "nul \0, 李雷, 🦊\n");
  await carol.send("Alice", "back");
  assertEquals((await nextMessage(alice)).sender, "Carol");
  await alice.send("Alice", "to myself");
  assertEquals((await nextMessage(alice)).text, "to myself");
  await alice.send("Bob", "");
  assertEquals((await nextMessage(bob)).text, "");
});

test("p2p client lists users and servers of the whole network", async () => {
  await using servers = await twoServers();
  const { first, second } = servers;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [second.address] });
  await eventually("Alice sees Bob", async () => (await alice.users()).length === 2);
  assertEquals((await bob.users()).sort(), ["Alice", "Bob"]);
  assertEquals((await alice.servers()).sort(), [first.address, second.address].sort());
  assertEquals(first.localUsers(), ["Alice"]);
  await bob.close();
  await eventually("Bob is forgotten", () => !first.users().includes("Bob"));
  assertEquals(await alice.users(), ["Alice"]);
});

test("p2p client's send fails with a code and a reason", async () => {
  await using server = await P2pServer.listen({ limits: { maxMessages: 1 } });
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });

  await alice.send("Nobody", "Hello");
  const full = await assertFails(alice.send("Nobody", "Hello?"), ErrorCode.MailboxFull);
  assertStringIncludes(full.message, "Nobody");
  const long = await assertFails(alice.send("Alice", "x".repeat(65_500)), ErrorCode.TextTooLong);
  const limit = /at most (\d+)/.exec(long.message)?.[1];
  // Between servers a durable message also carries three ids of 16 bytes.
  assertEquals(Number(limit), 65_535 - 48 - 36 - 3 - 2 * "Alice".length);
  await assertFails(alice.send("A\nlice", "Hello"), ErrorCode.NameInvalid);
  await assertFails(alice.send("", "Hello"), ErrorCode.NameInvalid);
  // None of this hurt the connection, and the longest text that fits does arrive.
  await alice.send("Alice", "ü".repeat(Number(limit) / 2));
  assertEquals((await nextMessage(alice)).text.length, Math.floor(Number(limit) / 2));
  assertEquals(alice.server, server.address);

  await alice.close();
  await assertFails(alice.send("Alice", "Hello"), ErrorCode.Closed);
});

test("p2p client gives up a message that no server accepts in time", async () => {
  await using server = new ScriptedServer();
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [server.address],
    sendTimeoutMs: 1,
  });
  const error = await assertFails(alice.send("Bob", "Hello"), ErrorCode.TimedOut);
  assertStringIncludes(error.message, "Bob");
});

test("p2p client is refused a name that is taken on any server, and told where", async () => {
  await using servers = await twoServers();
  const { first, second } = servers;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
  const here = { name: "Alice", servers: [first.address] };
  const error = await assertFails(P2pClient.connect(here), ErrorCode.NameTaken);
  assertStringIncludes(error.message, "Alice");
  assertStringIncludes(error.message, first.address);
  await eventually("the second server knows Alice", () => second.users().includes("Alice"));
  const there = { name: "Alice", servers: [second.address] };
  const other = await assertFails(P2pClient.connect(there), ErrorCode.NameTaken);
  assertStringIncludes(other.message, first.address);
  await alice.send("Alice", "still here");
  assertEquals((await nextMessage(alice)).text, "still here");
  await alice.close();
  await eventually("the name is free", () => !second.users().includes("Alice"));
  await (await P2pClient.connect(there)).close();
});

test("p2p client gets the name of a connection that does not answer", async () => {
  await using server = await P2pServer.listen();
  await using dead = await RawParty.register(server, "Alice");
  dead.pause();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await alice.send("Alice", "mine now");
  assertEquals((await nextMessage(alice)).text, "mine now");
  dead.resume();
  await within("the dead connection's end", dead.ended);
});

test("p2p client refuses invalid names and addresses before it connects", async () => {
  const servers = ["127.0.0.1:1"];
  for (const name of ["", " Alice", "A\0", "x".repeat(256), "\ud800"]) {
    await assertFails(P2pClient.connect({ name, servers }), ErrorCode.NameInvalid);
  }
  const wrong = P2pClient.connect({ name: "Alice", servers: ["127.0.0.1"] });
  await assertRejects(() => wrong, TypeError);
});

test("p2p client names the servers that it cannot reach", async () => {
  const [one, two] = [`127.0.0.1:${freePort()}`, `127.0.0.1:${freePort()}`];
  const single = P2pClient.connect({ name: "Alice", servers: [one] });
  assertStringIncludes((await assertFails(single, ErrorCode.ConnectionLost)).message, one);
  const both = P2pClient.connect({ name: "Alice", servers: [one, two] });
  const { message } = await assertFails(both, ErrorCode.ConnectionLost);
  assertStringIncludes(message, one);
  assertStringIncludes(message, two);
});

test("p2p client registers at the first server that answers", async () => {
  await using server = await P2pServer.listen();
  const servers = [`127.0.0.1:${freePort()}`, server.address];
  await using alice = await P2pClient.connect({ name: "Alice", servers });
  assertEquals(alice.server, server.address);
});

test("p2p client's reader ends when the client is closed; unread messages stay stored", async () => {
  await using server = await P2pServer.listen();
  const join = (name: string) => P2pClient.connect({ name, servers: [server.address] });
  const alice = await join("Alice");
  await using bob = await join("Bob");
  const sent: Sent[] = [];
  for (const text of ["1", "2", "3"]) sent.push(await bob.send("Alice", text));
  assertEquals((await nextMessage(alice)).text, "1");
  await alice.close();
  await alice.close();
  await within("the first one's end", sent[0]!.delivered);
  const before = new Inbox(alice);
  await within("the end", before.ended);
  assertEquals(before.messages, []);
  await using again = await join("Alice");
  const inbox = new Inbox(again);
  await within("the others' end", Promise.all(sent.map(({ delivered }) => delivered)));
  assertEquals(inbox.from("Bob"), ["2", "3"]);
});

test("p2p client that is closed still delivers ephemeral messages", async () => {
  await using server = await P2pServer.listen();
  const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await using bob = await RawParty.register(server, "Bob");
  const message = { id: crypto.randomUUID(), sender: "Bob", recipient: "Alice", text: "Hello" };
  writeMessage(bob.out, message, MessageKind.Ephemeral);
  // What comes behind it is delivered when it has come.
  writeMessage(bob.out, { ...message, id: crypto.randomUUID() }, MessageKind.Durable);
  await bob.next(FrameType.Receipt);
  await alice.close();
  const inbox = new Inbox(alice);
  await within("the end", inbox.ended);
  assertEquals(inbox.messages, [message]);
});

test("p2p client waits for receipts when it closes right after it sent", async () => {
  await using server = await P2pServer.listen();
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  const sending = alice.send("Bob", "last words");
  await alice.close();
  await assertFails((await sending).delivered, ErrorCode.Closed);
  assertEquals((await nextMessage(bob)).text, "last words");
});

test("p2p client tells its status from the start to the end", async () => {
  await using server = await P2pServer.listen();
  const states: ClientStatus[] = [];
  const alice = await P2pClient.connect({
    name: "Alice",
    servers: [server.address],
    onStatus: (status) => states.push(status),
  });
  await alice.close();
  assertEquals(states, [
    { state: "connected", server: server.address, legacy: false },
    { state: "closed" },
  ]);
});

test("p2p client of a session that registered again elsewhere ends with the reason", async () => {
  await using server = await P2pServer.listen();
  const session = crypto.randomUUID();
  await using before = await RawParty.register(server, "Alice", session);
  await using _after = await RawParty.register(server, "Alice", session);
  const error = await before.nextError();
  assertEquals([error.code, error.fatal], [ErrorCode.Replaced, true]);
  await within("the end", before.ended);
  assertEquals(server.localUsers(), ["Alice"]);
});

test("p2p client delivers 20,000 messages in flight in order, across two servers", async () => {
  await using servers = await twoServers();
  const { first, second } = servers;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [second.address] });
  await eventually("the first server knows Bob", () => first.users().includes("Bob"));
  const inbox = new Inbox(bob);
  const texts = Array.from({ length: 20_000 }, (_, number) => `${number}`);
  const answered: string[] = [];
  await Promise.all(texts.map(async (text) => {
    const { delivered } = await alice.send("Bob", text);
    answered.push(text);
    await delivered;
  }));
  assertEquals(answered, texts);
  await eventually("Bob has read them", () => inbox.messages.length >= texts.length);
  assertEquals(inbox.from("Alice"), texts);
});

test("p2p clients that write 10,000 messages to each other and to themselves at once do not block each other", async () => {
  await using servers = await twoServers();
  const join = (name: string, { address }: P2pServer) =>
    P2pClient.connect({ name, servers: [address] });
  await using alice = await join("Alice", servers.first);
  await using bob = await join("Bob", servers.second);
  await eventually("Bob is known", () => servers.first.users().includes("Bob"));
  const inboxes = [new Inbox(alice), new Inbox(bob)];
  const pairs = [[alice, bob], [bob, alice], [alice, alice]] as const;
  const texts = Array.from({ length: 10_000 }, (_, number) => `${number}`);
  await within(
    "their end",
    Promise.all(pairs.flatMap(([from, { name }]) =>
      texts.map(async (text) => {
        await (await from.send(name, text)).delivered;
      })
    )),
  );
  for (const [from, to] of pairs) {
    assertEquals(inboxes.find((_, index) => [alice, bob][index] === to)!.from(from.name), texts);
  }
});

test("p2p server refuses invalid options", async () => {
  await assertRejects(() => P2pServer.listen({ peers: ["nowhere"] }), TypeError, "nowhere");
  await assertRejects(() => P2pServer.listen({ advertise: "here" }), TypeError, "here");
  await assertRejects(() => P2pServer.listen({ hostname: "0.0.0.0" }), TypeError, "advertise");
  await using server = await P2pServer.listen();
  const { port } = server;
  await assertRejects(() => P2pServer.listen({ port }), Deno.errors.AddrInUse);
});
