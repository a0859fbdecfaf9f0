/**
 * Networks of legacy and netlab servers, some of which die.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { LegacyClient, LegacyServer } from "../../legacy.ts";
import { freePort, freePorts } from "../../processes.ts";
import {
  eventually,
  Inbox,
  nextMessage,
  onPort,
  processTest,
  socketTest as test,
  within,
} from "../network.ts";
import { startServer } from "../programs.ts";

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
  // A server that had to end each connection would write one message a second.
  assert(ms < 10_000, `${ms} ms`);
  assertEquals(
    olga.text,
    Array.from({ length: 20 }, (_, number) => `Nina: <${number}>`).join(""),
  );
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
      // The other side closed it.
    }
  }
  await serving;
});

for (const dialled of [true, false]) {
  const how = dialled ? "is dialled" : "announces itself";
  test(`a legacy server that ${how} is part of a network of two netlab servers`, async () => {
    const port = freePort();
    const peers = dialled ? [`127.0.0.1:${port}`] : [];
    await using a = await P2pServer.listen({ peers });
    await using b = await P2pServer.listen({ peers: [a.address] });
    const siblings = dialled ? [] : [a.port, b.port];
    await using old = await onPort(() => new LegacyServer({ port, siblings }));

    await using olga = await LegacyClient.connect("Olga", old);
    await using otto = await LegacyClient.connect("Otto", a);
    await using anna = await P2pClient.connect({ name: "Anna", servers: [a.address] });
    await using bert = await P2pClient.connect({ name: "Bert", servers: [b.address] });
    const atAnna = new Inbox(anna);
    const atBert = new Inbox(bert);
    await eventually("all are known", () => [a, b].every((each) => each.users().length === 4));
    await eventually("the legacy server knows netlab's", () => old.known.has(a.port));

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
  const whoKnow = acquainted ? "know each other" : "know only netlab servers";
  test(`users of two legacy servers that ${whoKnow} write to each other once`, async () => {
    await using one = new LegacyServer();
    await using two = new LegacyServer({ siblings: acquainted ? [one.port] : [] });
    await using a = await P2pServer.listen({ peers: [one.address, two.address] });
    await using b = await P2pServer.listen({ peers: [a.address, one.address, two.address] });
    await using olga = await LegacyClient.connect("Olga", one);
    await using otto = await LegacyClient.connect("Otto", two);
    await eventually("both are known", () => [a, b].every((each) => each.users().length === 2));
    await eventually(
      "legacy servers know netlab servers",
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
  const before = await onPort(() => new LegacyServer({ port }));
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

  await using after = await onPort(() => new LegacyServer({ port }));
  await using back = await LegacyClient.connect("Olga", after);
  await eventually("Olga is known again", () => server.users().includes("Olga"));
  await within("what waited for her", waiting.delivered);
  await back.sees("Nina: still there?");
  await nina.send("Olga", "after.");
  await back.sees("Nina: after.");
  back.send("Nina", "hello");
  assertEquals((await nextMessage(nina)).text, "hello");
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
      // Messages wait until the first server knows where he is, and none is lost.
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
