/**
 * netlab clients at legacy servers.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type ClientStatus, type Message, P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { LegacyClient, LegacyServer } from "../../legacy.ts";
import { eventually, Inbox, nextMessage, socketTest as test } from "../network.ts";

test("p2p client writes and reads at a legacy server", async () => {
  await using server = new LegacyServer();
  const states: ClientStatus[] = [];
  await using nina = await P2pClient.connect({
    name: "Nina",
    servers: [server.address],
    onStatus: (status) => states.push(status),
  });
  await using olga = await LegacyClient.connect("Olga", server);
  await eventually("both are there", () => server.users.size === 2);
  assertEquals(states[0], { state: "connected", server: server.address, legacy: true });
  await nina.send("Olga", "Hello: 李雷");
  await olga.sees("Nina: Hello: 李雷");
  olga.send("Nina", "and: back");
  const { sender, recipient, text } = await nextMessage(nina);
  assertEquals([sender, recipient, text], ["Olga", "Nina", "and: back"]);
  assertEquals(await nina.users(), ["Nina", "Olga"]);
  assertEquals(await nina.servers(), [server.address]);
  // A legacy server confirms nothing, so nothing can fail either.
  assertEquals(await (await nina.send("Nobody", "Hello?")).delivered, "sent");
  assertEquals(server.ignored, []);
});

test("p2p client at a legacy server reads bytes that arrive together as one text, up to 64 KiB", async () => {
  await using server = new LegacyServer();
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await using olga = await LegacyClient.connect("Olga", server);
  await eventually("both are there", () => server.users.size === 2);
  const inbox = new Inbox(nina);
  // Around the sizes of the client's reads, and in characters that reads cut in two.
  const lengths = [1, 500, 511, 512, 513, 1_023, 1_024, 1_025, 1_500, 5_000, 20_000, 60_000];
  for (const [index, length] of lengths.entries()) {
    for (const character of ["x", "é", "李"]) {
      const many = Math.floor(length / new TextEncoder().encode(character).length);
      const text = `see: ${character.repeat(many)}`;
      olga.send("Nina", text);
      await eventually(`a text of ${length} bytes`, () => inbox.messages.length > 0);
      const [{ sender, text: read }] = inbox.messages.splice(0) as [Message];
      assertEquals([sender, read.length, read === text], ["Olga", text.length, true], `${index}`);
    }
  }
});

test("p2p client at a legacy server separates texts that arrive one after the other", async () => {
  await using server = new LegacyServer();
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("she is there", () => server.users.has("Nina"));
  const inbox = new Inbox(nina);
  const connection = server.users.get("Nina")!;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  // Long enough for the client to wait for more, and with a pause in which it does.
  for (const [sender, length] of [["Olga", 2_000], ["Otto", 2_000], ["Olga", 3]] as const) {
    connection.write(`${sender}: ${"x".repeat(length)}`);
    await pause(60);
  }
  await eventually("all three", () => inbox.messages.length === 3);
  assertEquals(inbox.messages.map(({ sender, text }) => [sender, text.length]), [
    ["Olga", 2_000],
    ["Otto", 2_000],
    ["Olga", 3],
  ]);
  // Pieces of one text make one message, however short they are.
  inbox.messages.length = 0;
  for (const piece of [`Olga: ${"a".repeat(300)}`, "b".repeat(300), "c".repeat(100)]) {
    connection.write(piece);
    await pause(3);
  }
  await eventually("the whole text", () => inbox.messages.length > 0);
  await eventually("its end", () => inbox.messages[0]!.text.endsWith("c"));
  assertEquals(inbox.messages.map(({ sender, text }) => [sender, text.length]), [["Olga", 700]]);
});

test("p2p client at a legacy server shows two texts that arrive together as one", async () => {
  await using server = new LegacyServer();
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("she is there", () => server.users.has("Nina"));
  server.users.get("Nina")!.write("Olga: one. Otto: two.");
  const { sender, text } = await nextMessage(nina);
  assertEquals([sender, text], ["Olga", "one. Otto: two."]);
});

test("p2p client never shows a sender that a legacy server's text does not name", async () => {
  await using server = new LegacyServer();
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("she is there", () => server.users.has("Nina"));
  const inbox = new Inbox(nina);
  const texts = [
    "no name here",
    ": no name",
    "two\nlines: of text",
    `${"x".repeat(300)}: too long`,
  ];
  for (const text of texts) {
    server.users.get("Nina")!.write(text);
    await eventually(`"${text}"`, () => inbox.messages.length > 0);
    assertEquals(inbox.messages.splice(0).map(({ sender, text }) => [sender, text]), [["", text]]);
  }
  // A text that is too long arrives as two messages, and the second has no sender.
  server.users.get("Nina")!.write(`Olga: ${"a: ".repeat(30_000)}`);
  await eventually(
    "all of it",
    () => inbox.messages.reduce((sum, { text }) => sum + text.length, 0) === 90_000,
  );
  assertEquals(inbox.messages.map(({ sender }) => sender), ["Olga", ""]);
});

test("p2p client that was given only a legacy server learns of the others, and uses them", async () => {
  const one = new LegacyServer();
  const two = new LegacyServer({ siblings: [one.port] });
  await using three = await P2pServer.listen({ peers: [two.address] });
  // The third may announce itself to the first one at any time.
  await eventually("all know each other", () => one.known.size >= 2 && two.known.size === 3);
  const states: ClientStatus[] = [];
  await using nina = await P2pClient.connect({
    name: "Nina",
    servers: [one.address],
    onStatus: (status) => states.push(status),
  });
  assertEquals(nina.knownServers.slice(0, 2), [one.address, two.address]);
  await one[Symbol.asyncDispose]();
  await eventually(
    "she is at another one",
    () => nina.server === two.address || nina.server === three.address,
  );
  // The second one knows the third, and so does she.
  await eventually("the third is known", () => nina.knownServers.includes(three.address));
  await two[Symbol.asyncDispose]();
  await eventually("she is at the third one", () => nina.server === three.address);
  assertEquals(three.localUsers(), ["Nina"]);
});

test("p2p client signs off at a legacy server, which forgets nobody by itself", async () => {
  await using server = new LegacyServer({ echoes: true });
  await using other = await P2pServer.listen();
  const nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("she is there", () => server.users.has("Nina"));
  await nina.moveTo(other.address);
  await eventually("she has moved", () => !server.users.has("Nina"));
  await nina.moveTo(server.address);
  await eventually("she is back", () => server.users.has("Nina"));
  await nina.close();
  await eventually("she has left", () => !server.users.has("Nina"));
});

test("p2p client moves between netlab and legacy servers", async () => {
  await using old = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using olga = await LegacyClient.connect("Olga", old);
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("Olga is known", () => server.users().includes("Olga"));
  const inbox = new Inbox(nina);
  await nina.send("Olga", "from a netlab server.");
  await olga.sees("Nina: from a netlab server.");
  await nina.moveTo(old.address);
  await eventually("Nina is there", () => old.users.has("Nina"));
  await nina.send("Olga", "from a legacy server.");
  await olga.sees("Nina: from a legacy server.");
  olga.send("Nina", "hello there");
  await eventually("it has come", () => inbox.messages.length > 0);
  assertEquals(inbox.lines, ["Olga: hello there"]);
});
