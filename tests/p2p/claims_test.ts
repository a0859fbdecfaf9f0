/**
 * Names and connections that are dead without having ended, over real sockets.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, writeLegacyRegistration } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { LegacyServer } from "../legacy.ts";
import { assertFails, eventually, nextMessage, RawParty, socketTest } from "./network.ts";

socketTest(
  "a name whose client answers nothing is free on another server, a living one is not",
  async () => {
    await using first = await P2pServer.listen();
    await using second = await P2pServer.listen({ peers: [first.address] });
    await eventually("they are linked", () => second.peers().length === 1);
    await using _dead = await RawParty.register(first, "Bob");
    await using ann = await P2pClient.connect({ name: "Ann", servers: [first.address] });
    await eventually("the other server knows both", () => second.users().length === 2);
    const connect = (name: string) => P2pClient.connect({ name, servers: [second.address] });
    const [bob] = await Promise.all([
      connect("Bob"),
      assertFails(connect("Ann"), ErrorCode.NameTaken),
    ]);
    await using _bob = bob;
    await eventually("the first server knows that Bob has gone", () => {
      return first.localUsers().join() === "Ann" && first.users().includes("Bob");
    });
    await bob.send("Ann", "I am back");
    for await (const { sender } of ann) {
      assertEquals(sender, "Bob");
      break;
    }
  },
);

socketTest("names that are typed differently are one name", async () => {
  await using server = await P2pServer.listen();
  await using zoe = await P2pClient.connect({ name: "Zoe\u0308", servers: [server.address] });
  await using ann = await P2pClient.connect({ name: "Ａｎｎ", servers: [server.address] });
  assertEquals([zoe.name, ann.name], ["Zoë", "Ann"]);
  const sent = [
    await ann.send("Zoë", "1"),
    await ann.send("Zoe\u0308", "2"),
    await ann.send("Ｚｏë", "3"),
  ];
  let texts = "";
  for (const _ of sent) texts += (await nextMessage(zoe)).text;
  assertEquals(texts, "123");
  await Promise.all(sent.map(({ delivered }) => delivered));
  const again = P2pClient.connect({ name: "Zoë", servers: [server.address] });
  await assertFails(again, ErrorCode.NameTaken);
});

socketTest("every lasting connection of servers and clients has a TCP keep-alive", async () => {
  await using legacy = new LegacyServer();
  const kept = await keptAlive(async () => {
    await using first = await P2pServer.listen({ peers: [legacy.address] });
    await using second = await P2pServer.listen({ peers: [first.address] });
    await using user = await RawParty.connect(first);
    writeLegacyRegistration(user.out, "Bea");
    await using _idle = await RawParty.connect(first);
    await using _ann = await P2pClient.connect({ name: "Ann", servers: [first.address] });
    await eventually("all are connected", () => {
      return first.users().length === 2 && second.peers().length === 1 && legacy.listings > 0;
    });
    return first.port;
  });
  const { result: port, connections } = kept;
  const count = (wanted: (ports: [number, number]) => boolean) => connections.filter(wanted).length;
  // A legacy user, one that did not register, a client, and the other server.
  assert(count(([here]) => here === port) >= 4, "accepted");
  // The client, and the other server.
  assert(count(([, there]) => there === port) >= 2, "dialled");
  assert(count(([, there]) => there === legacy.port) >= 1, "to a legacy server");
});

/** Collects the ports of both ends of the connections for which `work` turns keep-alive on. */
async function keptAlive<T>(work: () => Promise<T>) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  (await listener.accept()).close();
  const prototype: Deno.TcpConn = Object.getPrototypeOf(conn);
  const { setKeepAlive } = prototype;
  const connections: [number, number][] = [];
  prototype.setKeepAlive = function (on) {
    if (on) connections.push([this.localAddr.port, this.remoteAddr.port]);
    return setKeepAlive.call(this, on);
  };
  try {
    return { result: await work(), connections };
  } finally {
    prototype.setKeepAlive = setKeepAlive;
  }
}
