import { assert, assertEquals } from "@std/assert";
import { type ClientStatus, P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { LegacyClient, LegacyServer } from "../legacy.ts";
import { freePort } from "../processes.ts";
import {
  eventually,
  Inbox,
  nextMessage,
  onPortAgain,
  socketTest as test,
  within,
} from "./network.ts";

test("p2p server serves legacy clients: bare text, in order", async () => {
  await using server = await P2pServer.listen();
  await using olga = await LegacyClient.connect("Olga", server);
  await using otto = await LegacyClient.connect("Otto", server);
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("all are there", () => server.localUsers().length === 3);

  olga.send("Otto", "Hallo, Grüße");
  await otto.sees("Olga: Hallo, Grüße");
  otto.send("Nina", "text with \0 in it");
  assertEquals((await nextMessage(nina)).text, "text with \0 in it");
  for (let number = 0; number < 500; number++) nina.send("Olga", `<${number}>`);
  await olga.sees("<499>");
  assertEquals(
    olga.text,
    Array.from({ length: 500 }, (_, number) => `Nina: <${number}>`).join(""),
  );
  assertEquals((await otto.ask(1)).sort(), ["Nina", "Olga", "Otto"]);
  assertEquals(await otto.ask(0), [server.address]);
  assertEquals(await otto.ask(77), []);
  await olga[Symbol.asyncDispose]();
  await eventually("Olga has left", () => server.localUsers().length === 2);
});

test("p2p server delivers what a legacy client sent twice only once", async () => {
  await using server = await P2pServer.listen();
  await using other = await P2pServer.listen({ peers: [server.address] });
  await using olga = await LegacyClient.connect("Olga", server);
  await using nina = await P2pClient.connect({ name: "Nina", servers: [other.address] });
  await eventually("all are known", () => server.users().length === 2);
  const inbox = new Inbox(nina);
  const id = crypto.randomUUID().toUpperCase();
  olga.send("Nina", "once", id);
  olga.send("Nina", "once", id.toLowerCase());
  olga.send("Nina", "last");
  await eventually("the last is there", () => inbox.from("Olga").includes("last"));
  assertEquals(inbox.lines, ["Olga: once", "Olga: last"]);
});

test("p2p server tells a legacy client in text what went wrong", async () => {
  await using server = await P2pServer.listen();
  await using _olga = await P2pClient.connect({ name: "Olga", servers: [server.address] });
  await using second = await LegacyClient.connect("Olga", server);
  await second.sees("netlab: Cannot register as Olga: the name is taken");
  await using otto = await LegacyClient.connect("Otto", server);
  otto.send("Nobody", "Hello?");
  await otto.sees("netlab: Cannot deliver to Nobody");
});

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
  // Nothing is confirmed there, so nothing can fail either.
  await (await nina.send("Nobody", "Hello?")).delivered;
  assertEquals(server.ignored, []);
});

test("p2p client moves between servers of both generations", async () => {
  await using old = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using olga = await LegacyClient.connect("Olga", old);
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("Olga is known", () => server.users().includes("Olga"));
  const inbox = new Inbox(nina);
  await nina.send("Olga", "from ours.");
  await olga.sees("Nina: from ours.");
  await nina.moveTo(old.address);
  await eventually("Nina is there", () => old.users.has("Nina"));
  await nina.send("Olga", "from theirs.");
  await olga.sees("Nina: from theirs.");
  olga.send("Nina", "hello there");
  await eventually("it has come", () => inbox.messages.length > 0);
  assertEquals(inbox.lines, ["Olga: hello there"]);
});

for (const dialled of [true, false]) {
  const how = dialled ? "is dialled" : "announces itself";
  test(`a legacy server that ${how} is part of a network of two of ours`, async () => {
    const port = freePort();
    const peers = dialled ? [`127.0.0.1:${port}`] : [];
    await using a = await P2pServer.listen({ peers });
    await using b = await P2pServer.listen({ peers: [a.address] });
    await using old = new LegacyServer({ port, siblings: dialled ? [] : [a.port, b.port] });

    await using olga = await LegacyClient.connect("Olga", old);
    await using otto = await LegacyClient.connect("Otto", a);
    await using anna = await P2pClient.connect({ name: "Anna", servers: [a.address] });
    await using bert = await P2pClient.connect({ name: "Bert", servers: [b.address] });
    const atAnna = new Inbox(anna);
    const atBert = new Inbox(bert);
    await eventually("all are known", () => [a, b].every((each) => each.users().length === 4));
    await eventually("the old server knows ours", () => old.known.has(a.port));

    await Promise.all([anna.send("Olga", "1."), bert.send("Olga", "2.")]);
    otto.send("Olga", "3.");
    for (const text of ["Anna: 1.", "Bert: 2.", "Otto: 3."]) await olga.sees(text);
    olga.send("Anna", "4");
    olga.send("Bert", "5");
    olga.send("Otto", "6.");
    await otto.sees("Olga: 6.");
    await eventually("Anna's has come", () => atAnna.messages.length > 0);
    await eventually("Bert's has come", () => atBert.messages.length > 0);
    await bert.send("Otto", "7.");
    await anna.send("Bert", "8");
    await otto.sees("Bert: 7.");

    // Whatever came twice would be here by now: each way is in order.
    await anna.send("Olga", "end.");
    await olga.sees("end.");
    olga.send("Anna", "end");
    await eventually("the end has come", () => atAnna.from("Olga").includes("end"));
    assertEquals(
      [...olga.text.matchAll(/\w+: [\w]+\./g)].map(([text]) => text).sort(),
      ["Anna: 1.", "Anna: end.", "Bert: 2.", "Otto: 3."],
    );
    assertEquals(otto.text, "Olga: 6.Bert: 7.");
    assertEquals(atAnna.lines, ["Olga: 4", "Olga: end"]);
    assertEquals(atBert.lines, ["Olga: 5", "Anna: 8"]);
    assertEquals(old.ignored.filter((type) => type <= 5), []);
    assert((await anna.servers()).includes(old.address));
    assert((await olga.ask(0)).includes(a.address));
  });
}

for (const acquainted of [true, false]) {
  const whoKnow = acquainted ? "know each other" : "know only ours";
  test(`users of two legacy servers that ${whoKnow} write to each other once`, async () => {
    await using one = new LegacyServer();
    await using two = new LegacyServer({ siblings: acquainted ? [one.port] : [] });
    await using a = await P2pServer.listen({ peers: [one.address, two.address] });
    await using b = await P2pServer.listen({ peers: [a.address, one.address, two.address] });
    await using olga = await LegacyClient.connect("Olga", one);
    await using otto = await LegacyClient.connect("Otto", two);
    await eventually("both are known", () => [a, b].every((each) => each.users().length === 2));
    await eventually(
      "theirs know ours",
      () => [one, two].every(({ known }) => known.has(a.port) && known.has(b.port)),
    );
    olga.send("Otto", "once.");
    await otto.sees("Olga: once.");
    otto.send("Olga", "back.");
    await olga.sees("Otto: back.");
    otto.send("Olga", "last.");
    await olga.sees("Otto: last.");
    assertEquals([olga.text, otto.text], ["Otto: back.Otto: last.", "Olga: once."]);
  });
}

test("p2p server forgets the users of a legacy server that died, until it is back", async () => {
  const port = freePort();
  const before = new LegacyServer({ port });
  await using server = await P2pServer.listen({ peers: [before.address] });
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  const olga = await LegacyClient.connect("Olga", before);
  await eventually("Olga is known", () => server.users().includes("Olga"));
  await nina.send("Olga", "before.");
  await olga.sees("Nina: before.");

  await before[Symbol.asyncDispose]();
  await olga[Symbol.asyncDispose]();
  await eventually("Olga is forgotten", () => !server.users().includes("Olga"));
  const waiting = await nina.send("Olga", "still there?");
  await using carl = await LegacyClient.connect("Carl", server);
  carl.send("Olga", "Hello?");
  await carl.sees("netlab: Cannot deliver to Olga");

  await using after = await onPortAgain(() => new LegacyServer({ port }));
  await using back = await LegacyClient.connect("Olga", after);
  await eventually("Olga is known again", () => server.users().includes("Olga"));
  await within("what waited for her", waiting.delivered);
  await back.sees("Nina: still there?");
  await nina.send("Olga", "after.");
  await back.sees("Nina: after.");
  back.send("Nina", "hello");
  assertEquals((await nextMessage(nina)).text, "hello");
});

test("p2p server takes messages from legacy servers only for their own users", async () => {
  await using old = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using anna = await P2pClient.connect({ name: "Anna", servers: [server.address] });
  await using bert = await P2pClient.connect({ name: "Bert", servers: [server.address] });
  await using mallory = await LegacyClient.connect("Mallory", old);
  await eventually("all are known", () => server.users().length === 3);
  const inbox = new Inbox(anna);
  // Its server passes on whatever sender a client writes.
  await using forger = await LegacyClient.connect("Forger", old);
  Object.defineProperty(forger, "name", { value: "Bert" });
  forger.send("Anna", "in Bert's name");
  mallory.send("Anna", "in her own");
  await eventually("one has come", () => inbox.messages.length > 0);
  await bert.send("Anna", "the real Bert");
  await eventually("two have come", () => inbox.messages.length > 1);
  assertEquals(inbox.lines, ["Mallory: in her own", "Bert: the real Bert"]);
});
