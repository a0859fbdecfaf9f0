import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  LinkStateKind,
  MessageKind,
  readReceipts,
  Registration,
  writeHeartbeat,
  writeMessage,
  writePeerRegistration,
} from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { freePorts } from "../processes.ts";
import {
  assertFails,
  eventually,
  nextMessage,
  onPort,
  RawParty,
  socketTest as test,
  within,
} from "./network.ts";

/** How long a server may take to close: milliseconds. */
const CLOSE_MS = 2_000;

const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

for (const order of orders) {
  test(`p2p servers find each other when they start in the order ${order}`, async () => {
    const addresses = freePorts(3).map((port) => `127.0.0.1:${port}`);
    await using stack = new AsyncDisposableStack();
    const servers: P2pServer[] = [];
    for (const index of order) {
      // Each knows one other, around the circle: the third it has to learn of.
      const port = Number(addresses[index]!.split(":")[1]);
      const peers = [addresses[(index + 1) % 3]!];
      const server = await onPort(() => P2pServer.listen({ port, peers }));
      servers.push(stack.use(server));
      const client = { name: `User ${index}`, servers: [server.address] };
      stack.use(await P2pClient.connect(client));
    }
    await eventually("all know all users", () => servers.every((s) => s.users().length === 3));
    await eventually(
      "all have direct links",
      () => servers.every((server) => server.peers().filter(({ hops }) => hops === 1).length === 2),
    );
    for (const server of servers) {
      assertEquals(
        [server.address, ...server.peers().map(({ address }) => address)].sort(),
        [...addresses].sort(),
      );
    }
  });
}

test("p2p servers that dial each other at once keep one link, and it stays", async () => {
  for (let round = 0; round < 20; round++) {
    const [a, b] = freePorts(2).map((port) => `127.0.0.1:${port}`) as [string, string];
    const log = { up: 0, down: 0 };
    const count = (message: string, properties?: Record<string, unknown>) => {
      if (properties?.event === "link.up") log.up++;
      if (properties?.event === "link.down") log.down++;
      assert(message);
    };
    const logger = { debug: count, info: count, warn: count, error: count };
    const start = (own: string, peer: string) =>
      onPort(() => P2pServer.listen({ port: Number(own.split(":")[1]), peers: [peer], logger }));
    const [first, second] = await Promise.all([start(a, b), start(b, a)]);
    await using _first = first;
    await using _second = second;
    await using alice = await P2pClient.connect({ name: "Alice", servers: [a] });
    await using bob = await P2pClient.connect({ name: "Bob", servers: [b] });
    await eventually("Bob is known", () => first.users().length + second.users().length === 4);
    await alice.send("Bob", "over the one link");
    await bob.send("Alice", "and back");
    assertEquals(log, { up: 2, down: 0 });
  }
});

test("p2p server that is among its own peers has no link to itself", async () => {
  const [port] = freePorts(1);
  const peers = [`127.0.0.1:${port}`, `localhost:${port}`];
  await using server = await onPort(() => P2pServer.listen({ port: port!, peers }));
  await using other = await P2pServer.listen({ peers: [server.address] });
  await eventually("the other is linked", () => server.peers().length === 1);
  assertEquals(server.peers().map(({ id }) => id), [other.id]);
  assertNotEquals(server.id, other.id);
});

test("p2p messages pass through a chain of servers whose ends cannot link", async () => {
  const [nowhereA, nowhereC] = freePorts(2).map((port) => `127.0.0.1:${port}`);
  await using b = await P2pServer.listen();
  await using a = await P2pServer.listen({ advertise: nowhereA!, peers: [b.address] });
  await using c = await P2pServer.listen({ advertise: nowhereC!, peers: [b.address] });
  const at = (server: P2pServer) => `127.0.0.1:${server.port}`;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [at(a)] });
  await using carol = await P2pClient.connect({ name: "Carol", servers: [at(c)] });
  await eventually("all know both", () => [a, b, c].every((s) => s.users().length === 2));
  assertEquals(a.peers().find(({ id }) => id === c.id)?.hops, 2);

  await alice.send("Carol", "over B");
  assertEquals((await nextMessage(carol)).text, "over B");
  await carol.send("Alice", "and back");
  assertEquals((await nextMessage(alice)).text, "and back");
  const taken = P2pClient.connect({ name: "Carol", servers: [at(a)] });
  await assertFails(taken, ErrorCode.NameTaken);

  await b.close();
  await eventually("A has lost C", () => a.users().length === 1 && a.peers().length === 0);
  const { delivered } = await alice.send("Carol", "when there is a route again");
  const port = Number(b.address.split(":")[1]);
  await using _back = await onPort(() => P2pServer.listen({ port }));
  assertEquals((await nextMessage(carol)).text, "when there is a route again");
  await within("its end", delivered);
});

test("p2p server is found again when it comes back on its port", async () => {
  const [port] = freePorts(1);
  const before = await onPort(() => P2pServer.listen({ port: port! }));
  await using other = await P2pServer.listen({ peers: [before.address] });
  await using _alice = await P2pClient.connect({ name: "Alice", servers: [other.address] });
  await eventually("Alice is known", () => before.users().includes("Alice"));
  await before.close();
  await eventually("it is gone", () => other.peers().length === 0);
  await using after = await onPort(() => P2pServer.listen({ port: port! }));
  await eventually("it is found", () => after.users().includes("Alice"));
  assertEquals(other.peers().map(({ id }) => id), [after.id]);
});

test("p2p server forgets users as soon as their server has gone", async () => {
  const going = await P2pServer.listen();
  await using stays = await P2pServer.listen({ peers: [going.address] });
  // A client would have reconnected to the other one before the check.
  await using bob = await RawParty.register(going, "Bob");
  await eventually("Bob is known", () => stays.users().includes("Bob"));
  const closing = going.close();
  // A link that falls silent is given up only after 2.5 s.
  await eventually("Bob is forgotten", () => !stays.users().includes("Bob"), 1_000);
  await using carl = await RawParty.register(stays, "Carl");
  const message = { id: crypto.randomUUID(), sender: "Carl", recipient: "Bob", text: "Hello" };
  writeMessage(carl.out, message, MessageKind.Ephemeral);
  const [receipt] = readReceipts((await carl.next(FrameType.Receipt)).payload);
  assertEquals([receipt?.id, receipt?.code], [message.id, ErrorCode.NoSuchUser]);
  await Promise.all([closing, bob.ended]);
});

test("p2p server notices within 3 s that a peer has become silent", async () => {
  await using server = await P2pServer.listen();
  await using peer = await RawParty.connect(server);
  const linked = performance.now();
  writePeerRegistration(peer.out, { server: crypto.randomUUID(), address: "127.0.0.1:9" });
  await peer.next(FrameType.LinkState);
  await within("the end of the link", peer.ended, 3_000);
  const took = performance.now() - linked;
  assert(took > 2_000, `took ${took} ms`);
});

test("p2p server keeps a link that carries only signs of life", async () => {
  await using server = await P2pServer.listen();
  await using peer = await RawParty.connect(server);
  writePeerRegistration(peer.out, { server: crypto.randomUUID(), address: "127.0.0.1:9" });
  assertEquals((await peer.next(FrameType.Registration)).subtype, Registration.Peer);
  for (let alive = 0; alive < 4;) {
    const { subtype } = await peer.next(FrameType.LinkState);
    if (subtype !== LinkStateKind.Heartbeat) continue;
    alive++;
    writeHeartbeat(peer.out);
  }
});

test("p2p server closes within 2 s although users do not react", async () => {
  const server = await P2pServer.listen();
  const peer = await P2pServer.listen({ peers: [server.address] });
  await eventually("both are linked", () => server.peers().length === 1);
  const deaf = await RawParty.register(server, "Deaf");
  deaf.pause();
  const silent = await RawParty.connect(server);
  silent.pause();
  const legacy = await RawParty.connect(server);
  legacy.send(2, 1, 0, 4, 0, 0, "Olga");
  await eventually("all are there", () => server.localUsers().length === 2);
  const clients = await Promise.all(
    Array.from(
      { length: 50 },
      (_, number) => P2pClient.connect({ name: `User ${number}`, servers: [server.address] }),
    ),
  );

  await within("the end", Promise.all([server.close(), server.close()]), CLOSE_MS);

  await Promise.all(clients.map((client) => client.close()));
  for (const party of [deaf, silent, legacy]) await party[Symbol.asyncDispose]();
  await peer.close();
});

test("p2p server tells its users that it closes", async () => {
  const server = await P2pServer.listen();
  await using alice = await RawParty.register(server, "Alice");
  await server.close();
  const error = await alice.nextError();
  assertEquals([error.code, error.fatal], [ErrorCode.ServerClosing, true]);
  await within("the end", alice.ended);
});
