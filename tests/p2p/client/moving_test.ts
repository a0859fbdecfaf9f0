import { assertEquals, assertRejects } from "@std/assert";
import { ErrorCode } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { freePort } from "../../processes.ts";
import { checkMoves, type Kind } from "../moving.ts";
import { assertFails, eventually, nextMessage, socketTest as test } from "../network.ts";

const p2p: Kind = {
  listen: (options) => P2pServer.listen(options),
  connect: (options) => P2pClient.connect(options),
};

test("p2p client moves 50 times under load, and nothing is lost or repeated", async () => {
  await checkMoves(p2p, { moves: 50, bothMove: false });
});

test("p2p clients that write to each other move at the same time", async () => {
  await checkMoves(p2p, { moves: 25, bothMove: true });
});

test("p2p client stays where it is when it cannot move", async () => {
  // They belong to one network, but are not linked.
  await using server = await P2pServer.listen({ network: "one" });
  await using other = await P2pServer.listen({ network: "one" });
  await using elsewhere = await P2pServer.listen({ network: "two" });
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await using _other = await P2pClient.connect({ name: "Alice", servers: [other.address] });
  const nowhere = `127.0.0.1:${freePort()}`;
  await assertFails(alice.moveTo(nowhere), ErrorCode.ConnectionLost);
  await assertFails(alice.moveTo(other.address), ErrorCode.NameTaken);
  await assertFails(alice.moveTo(elsewhere.address), ErrorCode.OtherNetwork);
  await assertRejects(() => alice.moveTo("nowhere"), TypeError);
  assertEquals(alice.server, server.address);
  await alice.send("Alice", "still here");
  assertEquals((await nextMessage(alice)).text, "still here");
});

test("p2p client that moves to its own server under another name stays registered", async () => {
  await using server = await P2pServer.listen();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await alice.moveTo(server.address);
  await alice.moveTo(`localhost:${server.port}`);
  assertEquals(alice.server, `localhost:${server.port}`);
  await alice.send("Alice", "still here");
  assertEquals((await nextMessage(alice)).text, "still here");
  await eventually("one connection is left", () => server.localUsers().length === 1);
});

test("p2p client that is closed while it moves leaves both servers", async () => {
  await using server = await P2pServer.listen();
  await using other = await P2pServer.listen();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  const moving = assertFails(alice.moveTo(other.address), ErrorCode.Closed);
  await alice.close();
  await moving;
  await assertFails(alice.moveTo(other.address), ErrorCode.Closed);
  await eventually("she has left", () => [server, other].every((each) => !each.users().length));
});
