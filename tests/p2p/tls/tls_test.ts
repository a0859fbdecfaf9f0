/**
 * Clients and links over TLS, with real sockets and certificates.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ErrorCode, isTlsAddress, TlsTerminator } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import { assertFails, eventually, Inbox, nextMessage, RawParty, storageTest } from "../network.ts";
import { keepingLogger, TestAuthority } from "./certificates.ts";

storageTest("servers with and without TLS are one network", async () => {
  using authority = new TestAuthority();
  const tls = await authority.server();
  await using plain = await P2pServer.listen({ tlsCa: authority.ca });
  await using one = await P2pServer.listen({ ...tls, peers: [plain.address] });
  await using two = await P2pServer.listen({ ...tls, peers: [one.address] });
  // It cannot verify the others, so only they dial it.
  await using distrustful = await P2pServer.listen();
  await using three = await P2pServer.listen({ ...tls, peers: [distrustful.address, two.address] });
  const servers = [plain, one, two, distrustful, three];
  await eventually("all are linked", () => servers.every((server) => server.peers().length === 4));
  assertEquals(servers.map(({ address }) => isTlsAddress(address)), [
    false,
    true,
    true,
    false,
    true,
  ]);
  const clients: P2pClient[] = [];
  await using stack = new AsyncDisposableStack();
  for (const [index, { address }] of servers.entries()) {
    const options = { name: `User ${index}`, servers: [address], tlsCa: authority.ca };
    clients.push(stack.use(await P2pClient.connect(options)));
  }
  const addresses = servers.map(({ address }) => address).sort();
  for (const client of clients) {
    assertEquals((await client.servers()).sort(), addresses);
    assertEquals((await client.users()).length, clients.length);
  }
  for (const sender of clients) {
    for (const recipient of clients) {
      const { delivered } = await sender.send(recipient.name, "durable");
      assertEquals((await nextMessage(recipient)).sender, sender.name);
      await delivered;
    }
  }
  await clients[1]!.moveTo(two.address);
  await clients[1]!.moveTo(plain.address);
  await clients[1]!.moveTo(one.address);
  assertEquals(clients[1]!.server, one.address);
});

storageTest(
  "a client that knows one TLS server finds the others, and moves when its server ends",
  async () => {
    using authority = new TestAuthority();
    const tls = await authority.server();
    const one = await RttServer.listen(tls);
    await using two = await RttServer.listen({ ...tls, peers: [one.address] });
    await eventually("they are linked", () => two.peers().length === 1);
    await using ann = await RttClient.connect({
      name: "Ann",
      servers: [one.address],
      tlsCa: authority.ca,
    });
    const measured = ann.round!.servers.map(({ server }) => server).sort();
    assertEquals(measured, [one.address, two.address].sort());
    await ann.moveTo(one.address);
    await one.drain();
    await eventually("Ann has moved", () => ann.server === two.address);
    await using bob = await P2pClient.connect({
      name: "Bob",
      servers: [two.address],
      tlsCa: authority.ca,
    });
    await ann.send("Bob", "Hello");
    assertEquals((await nextMessage(bob)).text, "Hello");
  },
);

storageTest("whoever cannot use TLS with a server learns why and what to do", async () => {
  using authority = new TestAuthority();
  using other = new TestAuthority();
  const { logger, lines } = keepingLogger();
  const plainLog = keepingLogger();
  await using server = await P2pServer.listen({ ...await authority.server(), logger });
  await using plain = await P2pServer.listen({ logger: plainLog.logger });
  await other.create();
  const attempt = async (address: string, tlsCa?: string): Promise<string> => {
    const options = { name: "Ann", servers: [address], ...tlsCa !== undefined && { tlsCa } };
    return (await assertFails(P2pClient.connect(options), ErrorCode.TlsFailed)).message;
  };
  const { port } = server;
  const tlsAtPlain = `tls://${plain.address}`;
  for (
    const [message, what] of [
      [await attempt(server.address), "trust that with --tls-ca"],
      [await attempt(server.address, other.ca), "trust that with --tls-ca"],
      [await attempt(tlsAtPlain, authority.ca), "leave out tls://"],
      [await attempt(`127.0.0.1:${port}`), `use tls://127.0.0.1:${port}`],
      [await attempt(server.address, `${authority.path}/none.pem`), "there is no such file"],
      [await attempt(server.address, `${authority.path}/ca-key.pem`), "no certificate in PEM form"],
    ] as const
  ) {
    assertStringIncludes(message, what);
  }
  const measuring = RttClient.connect({ name: "Ann", servers: [`127.0.0.1:${port}`] });
  assertStringIncludes((await assertFails(measuring, ErrorCode.TlsFailed)).message, "tls://");
  await eventually("the server has logged it", () => lines.length > 0);
  assertEquals(
    lines.filter((line) => line.includes("127.0.0.1 has failed")).length,
    1,
    lines.join("\n"),
  );
  assertEquals(plainLog.lines.filter((line) => line.includes("it uses TLS")).length, 1);

  // Others write long first messages, which are whole frames of an unknown type.
  await using long = await RawParty.connect(plain);
  long.send(0x16, 3, 1, 0, 20, ...Array(300).fill(0));
  assertEquals((await long.nextError()).code, ErrorCode.TlsFailed);

  const linking = keepingLogger();
  await using _wrong = await P2pServer.listen({
    peers: [`127.0.0.1:${port}`, server.address],
    logger: linking.logger,
  });
  await eventually("the server has logged both of its mistakes", () => linking.lines.length >= 2);
  const text = linking.lines.join("\n");
  assertStringIncludes(text, `name it as tls://127.0.0.1:${port}`);
  assertStringIncludes(text, "trust that with --tls-ca");
});

storageTest(
  "certificates for another host, of another time, or of an authority are explained",
  async () => {
    using authority = new TestAuthority();
    const cases = [
      [await authority.create("host", ["chat.example"]), "is for chat.example, not for 127.0.0.1"],
      [await authority.create("old", ["127.0.0.1"], { daysAgo: 40 }), "has expired"],
      [await authority.create("new", ["127.0.0.1"], { daysAgo: -2 }), "not valid yet"],
    ] as const;
    for (const [{ cert, key }, what] of cases) {
      const terminator = new TlsTerminator({
        cert: await Deno.readTextFile(cert),
        key: await Deno.readTextFile(key),
      });
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const serving = listener.accept().then(async (conn) => {
        const connection = await terminator.wrap(conn, new Uint8Array(0));
        await connection.handshake().catch(() => {});
        connection.close();
        await connection.ended;
        await terminator.close();
      });
      const address = `tls://127.0.0.1:${listener.addr.port}`;
      const options = { name: "Ann", servers: [address], tlsCa: authority.ca };
      const { message } = await assertFails(P2pClient.connect(options), ErrorCode.TlsFailed);
      assertStringIncludes(message, what);
      await serving;
    }
  },
);

storageTest("a server does not start with a certificate or key that nobody could use", async () => {
  using authority = new TestAuthority();
  const { cert, key } = await authority.create();
  const other = await authority.create("other");
  const old = await authority.create("old", ["127.0.0.1"], { daysAgo: 40 });
  const early = await authority.create("early", ["127.0.0.1"], { daysAgo: -2 });
  const [wide, empty] = [`${authority.path}/wide.pem`, `${authority.path}/empty.pem`];
  await Deno.copyFile(key, wide);
  await Deno.chmod(wide, 0o640);
  await Deno.writeTextFile(empty, "", { mode: 0o600 });
  const cases: [tlsCert: string, tlsKey: string, what: string][] = [
    [cert, wide, `chmod 600 ${wide}`],
    [cert, other.key, "is not the key of the certificate"],
    [old.cert, old.key, "it expired on"],
    [early.cert, early.key, "is the clock of this machine right?"],
    [`${authority.path}/none.pem`, key, "there is no such file"],
    [cert, `${authority.path}/none.pem`, "there is no such file"],
    [key, key, "it is not one in PEM form"],
    [cert, empty, "it is no private key in PEM form"],
    [empty, key, "it is not one in PEM form"],
  ];
  for (const [tlsCert, tlsKey, what] of cases) {
    if (what.startsWith("chmod") && Deno.build.os === "windows") continue;
    const { message } = await assertFails(
      P2pServer.listen({ tlsCert, tlsKey }),
      ErrorCode.TlsFailed,
    );
    assertStringIncludes(message, what);
    const secret = (await Deno.readTextFile(key)).split("\n")[1]!;
    assert(!message.includes(secret.slice(0, 16)), "the key is not in the error");
  }
  await assertRejects(() => P2pServer.listen({ tlsCert: cert }), TypeError, "need each other");
  const { logger, lines } = keepingLogger();
  const elsewhere = await authority.create("elsewhere", ["chat.example"]);
  await using _server = await P2pServer.listen({
    tlsCert: elsewhere.cert,
    tlsKey: elsewhere.key,
    logger,
  });
  assertStringIncludes(lines.join(), "the certificate is not for 127.0.0.1");
});

storageTest("a new certificate is used at once, and open connections stay", async () => {
  using authority = new TestAuthority();
  using next = new TestAuthority();
  const { logger, lines } = keepingLogger();
  const tls = await authority.server();
  await using one = await P2pServer.listen({ ...tls, logger });
  await using two = await P2pServer.listen({
    ...await authority.server("two"),
    peers: [one.address],
  });
  await eventually("they are linked", () => one.peers().length === 1);
  const tlsCa = authority.ca;
  await using ann = await P2pClient.connect({ name: "Ann", servers: [one.address], tlsCa });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [two.address], tlsCa });
  const inbox = new Inbox(bob);
  const states: string[] = [];
  let isOver = false;
  let sent = 0;
  const sending = (async () => {
    while (!isOver) {
      await ann.send("Bob", `${sent++}`);
      if (ann.server !== one.address) states.push("moved");
    }
  })();
  // Others come and go all the time.
  let visits = 0;
  const visiting = (async () => {
    while (!isOver) {
      // The authority changes at some time between two visits.
      const both = `${authority.path}/both.pem`;
      await Deno.writeTextFile(
        both,
        await Deno.readTextFile(authority.ca) +
          await Deno.readTextFile(next.ca).catch(() => ""),
      );
      await using _visitor = await P2pClient.connect({
        name: `Visitor ${visits++}`,
        servers: [one.address],
        tlsCa: both,
      });
    }
  })();

  await Deno.writeTextFile(tls.tlsCert, "garbage");
  await eventually("garbage is refused", () => lines.some((line) => line.includes("stays")));
  assertStringIncludes(lines.find((line) => line.includes("stays"))!, "it is not one in PEM form");

  const renewed = await next.create();
  await Deno.copyFile(renewed.key, tls.tlsKey);
  await Deno.copyFile(renewed.cert, tls.tlsCert);
  await eventually("the new one is in use", () => {
    return lines.some((line) => line.startsWith("the new certificate is in use"));
  });
  await using _zoe = await P2pClient.connect({
    name: "Zoe",
    servers: [one.address],
    tlsCa: next.ca,
  });
  const late = P2pClient.connect({ name: "Late", servers: [one.address], tlsCa });
  await assertFails(late, ErrorCode.TlsFailed);
  isOver = true;
  await Promise.all([sending, visiting]);
  await eventually("all have arrived", () => inbox.messages.length === sent);
  assertEquals(
    inbox.messages.map(({ text }) => Number(text)),
    Array.from({ length: sent }, (_, i) => i),
  );
  assertEquals(states, []);
  assert(visits > 1);
  assertEquals(one.peers().length, 1);
  assertEquals(lines.filter((line) => line.startsWith("lost the link")), []);
});
