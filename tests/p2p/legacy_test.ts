import { assert, assertEquals } from "@std/assert";
import { type ClientStatus, type Message, P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { LegacyClient, LegacyServer } from "../legacy.ts";
import { freePort, freePorts } from "../processes.ts";
import {
  eventually,
  Inbox,
  nextMessage,
  onPortAgain,
  processTest,
  socketTest as test,
  within,
} from "./network.ts";
import { startServer } from "./programs.ts";

test("p2p server serves legacy clients: plain text, in order", async () => {
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
  assertEquals(await (await nina.send("Nobody", "Hello?")).delivered, "sent");
  assertEquals(server.ignored, []);
});

test("p2p client at a legacy server takes what arrives together as one text, up to 64 KiB", async () => {
  await using server = new LegacyServer();
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await using olga = await LegacyClient.connect("Olga", server);
  await eventually("both are there", () => server.users.size === 2);
  const inbox = new Inbox(nina);
  // Around the sizes of the client's reads, and in characters that reads cut in two.
  const lengths = [1, 500, 511, 512, 513, 1_023, 1_024, 1_025, 1_500, 5_000, 20_000, 60_000];
  for (const [index, length] of lengths.entries()) {
    for (const letter of ["x", "é", "李"]) {
      const many = Math.floor(length / new TextEncoder().encode(letter).length);
      const text = `see: ${letter.repeat(many)}`;
      olga.send("Nina", text);
      await eventually(`a text of ${length} bytes`, () => inbox.messages.length > 0);
      const [{ sender, text: read }] = inbox.messages.splice(0) as [Message];
      assertEquals([sender, read.length, read === text], ["Olga", text.length, true], `${index}`);
    }
  }
});

test("p2p server writes many messages a second to a legacy server that ends no connection", async () => {
  await using old = new LegacyServer({ lingers: true });
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await using olga = await LegacyClient.connect("Olga", old);
  await eventually("she is known", () => server.users().includes("Olga"));
  const start = performance.now();
  for (let number = 0; number < 20; number++) await nina.send("Olga", `<${number}>`);
  await olga.sees("<19>");
  const ms = performance.now() - start;
  // One a second, if it had to end each of them.
  assert(ms < 10_000, `${ms} ms`);
  assertEquals(
    olga.text,
    Array.from({ length: 20 }, (_, number) => `Nina: <${number}>`).join(""),
  );
});

test("p2p client at a legacy server tells texts apart that arrive one after the other", async () => {
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
  // A text in pieces is one, however short they are.
  inbox.messages.length = 0;
  for (const piece of [`Olga: ${"a".repeat(300)}`, "b".repeat(300), "c".repeat(100)]) {
    connection.write(piece);
    await pause(3);
  }
  await eventually("the whole text", () => inbox.messages.length > 0);
  await eventually("its end", () => inbox.messages[0]!.text.endsWith("c"));
  assertEquals(inbox.messages.map(({ sender, text }) => [sender, text.length]), [["Olga", 700]]);
});

test("p2p client and server use the valid addresses and names in a list with other bytes", async () => {
  await using old = new LegacyServer();
  const odd = Uint8Array.of(0xff, 0xfe, 0);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answer = (subtype: number, good: string) => {
    const bytes = new TextEncoder().encode(good);
    return Uint8Array.of(1, subtype, 0, odd.length + bytes.length, 0, 0, ...odd, ...bytes);
  };
  const conns: Deno.TcpConn[] = [];
  const serving = (async () => {
    for await (const conn of listener) {
      conns.push(conn);
      void (async () => {
        const buffer = new Uint8Array(1_024);
        try {
          for (let count; (count = await conn.read(buffer)) !== null;) {
            for (let at = 0; at + 6 <= count; at += 6 + buffer[at + 3]!) {
              if (buffer[at] !== 0) continue;
              const subtype = buffer[at + 1]!;
              const empty = Uint8Array.of(1, subtype, 0, 0, 0, 0);
              const lists = [answer(0, old.address), answer(1, "Olga")];
              await conn.write(lists[subtype] ?? empty);
            }
          }
        } catch {
          // It was closed.
        }
      })();
    }
  })();
  const address = `127.0.0.1:${listener.addr.port}`;
  {
    await using server = await P2pServer.listen({ peers: [address] });
    await eventually("Olga is known", () => server.users().includes("Olga"));
    await using nina = await P2pClient.connect({ name: "Nina", servers: [address] });
    assertEquals(nina.knownServers, [address, old.address]);
  }
  listener.close();
  for (const conn of conns) {
    try {
      conn.close();
    } catch {
      // The other side did.
    }
  }
  await serving;
});

test("p2p client at a legacy server shows two texts that arrive together as one", async () => {
  await using server = new LegacyServer();
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("she is there", () => server.users.has("Nina"));
  server.users.get("Nina")!.write("Olga: one. Otto: two.");
  const { sender, text } = await nextMessage(nina);
  assertEquals([sender, text], ["Olga", "one. Otto: two."]);
});

test("p2p server loses what it sends to a user who has left a legacy server, and does not call it delivered", async () => {
  await using old = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  const olga = await LegacyClient.connect("Olga", old);
  await eventually("she is known", () => server.users().includes("Olga"));
  await olga[Symbol.asyncDispose]();
  assertEquals(await (await nina.send("Olga", "lost")).delivered, "sent");
  await using back = await P2pClient.connect({ name: "Olga", servers: [server.address] });
  const inbox = new Inbox(back);
  assertEquals(await (await nina.send("Olga", "for you")).delivered, "delivered");
  assertEquals(inbox.lines, ["Nina: for you"]);
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
  // What is longer than one text comes in two, and the second has no sender.
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
  // The first one may hear of the third at any time, from that one itself.
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

test("p2p server lets a user register whose name a legacy server lists", async () => {
  await using old = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using other = await P2pServer.listen({ peers: [server.address, old.address] });
  await (await LegacyClient.connect("Olga", old))[Symbol.asyncDispose]();
  await eventually("she is listed", () => [server, other].every((s) => s.users().includes("Olga")));
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  for (const { address } of [server, other]) {
    await using olga = await P2pClient.connect({ name: "Olga", servers: [address] });
    await eventually("she is known", () => server.users().length === 2);
    const sent = await nina.send("Olga", `at ${address}`);
    assertEquals((await nextMessage(olga)).text, `at ${address}`);
    assertEquals(await sent.delivered, "delivered");
  }
  await using olga = await LegacyClient.connect("Olga", server);
  await eventually("she is here", () => server.localUsers().includes("Olga"));
  assertEquals(await (await nina.send("Olga", "and bare.")).delivered, "sent");
  await olga.sees("Nina: and bare.");
});

test("p2p server sends to every legacy server that lists a user", async () => {
  await using one = new LegacyServer();
  await using two = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [one.address, two.address] });
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  for (const [from, to] of [[one, two], [two, one]] as const) {
    const name = `Bob ${from.port}`;
    await (await LegacyClient.connect(name, from))[Symbol.asyncDispose]();
    await using bob = await LegacyClient.connect(name, to);
    await eventually("he is known", () => server.users().includes(name));
    await eventually("both list him", () => from.users.has(name) && to.users.has(name));
    // The server asks once a second: behind the second answer it knows both lists.
    const before = [one.listings, two.listings] as const;
    await eventually(
      "the server knows both lists",
      () => one.listings > before[0] + 1 && two.listings > before[1] + 1,
    );
    const sent = await nina.send(name, "kept.");
    await bob.sees("Nina: kept.");
    assertEquals(await sent.delivered, "sent");
    await nina.post(name, "posted.");
    await bob.sees("Nina: posted.");
  }
});

test("p2p client moves between netlab and legacy servers", async () => {
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

    // A duplicate would have arrived by now: each connection keeps the order.
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

for (const legacyProgram of [true, false]) {
  const who = legacyProgram ? "legacy client" : "netlab client";
  processTest(
    `a ${who} whose netlab server is killed is reached at the legacy server it goes to`,
    async () => {
      const [one, two] = freePorts(2) as [number, number];
      await using _first = await startServer(one, two);
      await using second = await startServer(two, one);
      await using old = new LegacyServer({ siblings: [one, two] });
      await using alice = await P2pClient.connect({ name: "Alice", servers: [`127.0.0.1:${one}`] });
      const servers = [`127.0.0.1:${two}`, old.address];
      await using netlabBob = legacyProgram
        ? undefined
        : await P2pClient.connect({ name: "Bob", servers, rank: () => Promise.resolve(servers) });
      const before = legacyProgram ? await LegacyClient.connect("Bob", { port: two }) : undefined;
      const atBob = netlabBob && new Inbox(netlabBob);
      await eventually("Alice knows Bob", async () => (await alice.users()).includes("Bob"));
      await eventually(
        "the legacy server is known",
        async () => (await alice.servers()).includes(old.address),
      );

      second.kill("SIGKILL");
      await second.finished();
      await before?.[Symbol.asyncDispose]();
      await using legacyBob = legacyProgram ? await LegacyClient.connect("Bob", old) : undefined;
      await eventually("Bob is at the legacy server", () => old.users.has("Bob"));
      const start = performance.now();
      // What is sent before the first server knows where he is waits, and nothing is lost.
      const sent = await Promise.all(
        Array.from({ length: 39 }, (_, number) => alice.send("Bob", `<${number}>`)),
      );
      for (const { delivered } of sent) assertEquals(await within("all", delivered), "sent");
      const has = (text: string) =>
        legacyBob?.text.includes(text) ?? atBob!.messages.some((each) => each.text.includes(text));
      await eventually("all have come", () => sent.every((_, number) => has(`<${number}>`)));
      const ms = performance.now() - start;
      assert(ms < 10_000, `after ${ms} ms`);
    },
  );
}
