/**
 * Clients find a server although other addresses do not answer. The time of an attempt is five seconds; a client
 * that waited for one after the other would take longer than these tests allow.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, FrameType, writeMoveRequest } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import {
  assertFails,
  eventually,
  FullServer,
  nextMessage,
  onPort,
  type RawParty,
  ScriptedServer,
  SilentServer,
  socketTest as test,
  within,
} from "../network.ts";

/** Less than the time of one attempt, and more than three need on a busy machine: milliseconds. */
const SOON_MS = 4_000;

const kinds = [["p2p", P2pClient, P2pServer], ["rtt", RttClient, RttServer]] as const;

for (const [kind, Client, Server] of kinds) {
  test(`${kind} client connects although four addresses before it do not answer`, async () => {
    await using silent = new SilentServer();
    await using silent2 = new SilentServer();
    await using full = await FullServer.fill();
    await using full2 = await FullServer.fill();
    await using server = await Server.listen();
    const before = [silent.address, full.address, silent2.address, full2.address];
    const connecting = Client.connect({ name: "Alice", servers: [...before, server.address] });
    await using alice = await within("connecting", connecting, SOON_MS);
    assertEquals(alice.server, server.address);
  });

  test(`${kind} client whose server dies is back soon although three addresses do not answer`, async () => {
    await using silent = new SilentServer();
    await using silent2 = new SilentServer();
    await using full = await FullServer.fill();
    const first = await Server.listen();
    await using second = await Server.listen({ peers: [first.address] });
    const servers = [first.address, silent.address, silent2.address, full.address, second.address];
    await using alice = await Client.connect({ name: "Alice", servers });
    await alice.moveTo(first.address);
    const sent = alice.send("Alice", "hello");
    await first.close();
    await within("the move", eventually("she is back", () => alice.server !== undefined), SOON_MS);
    assertEquals(alice.server, second.address);
    await sent;
  });

  test(`${kind} client finds its only server again when it restarts, although others do not answer`, async () => {
    await using silent = new SilentServer();
    await using full = await FullServer.fill();
    const first = await Server.listen();
    const servers = [first.address, silent.address, full.address];
    await using alice = await Client.connect({ name: "Alice", servers });
    const tries = silent.connections;
    await first.close();
    await eventually("she tries the others", () => silent.connections > tries);
    const { port } = first;
    await using _second = await onPort<AsyncDisposable>(() => Server.listen({ port }));
    await eventually("she is back", () => alice.server === first.address, SOON_MS);
  });
}

test("p2p client registers at one server only, and leaves no connection to the others", async () => {
  const others: number[] = [];
  const late = Promise.withResolvers<void>();
  let reached: RawParty | undefined;
  await using slow = new ScriptedServer(
    (party, frame) => {
      reached = party;
      if (frame.type !== FrameType.InformationRequest) others.push(frame.type);
      else void late.promise.then(() => party.out.frame(FrameType.InformationResponse, 2));
    },
    [],
    2,
  );
  await using server = await P2pServer.listen();
  const servers = [slow.address, server.address];
  await using alice = await P2pClient.connect({ name: "Alice", servers });
  assertEquals(alice.server, server.address);
  late.resolve();
  await alice.send("Alice", "hello");
  assertEquals((await nextMessage(alice)).text, "hello");
  await within("the other connection ends", reached!.ended);
  assertEquals(others, []);
  assertEquals(server.localUsers(), ["Alice"]);
});

test("p2p client that is asked to move finds the server that answers", async () => {
  await using silent = new SilentServer();
  await using full = await FullServer.fill();
  await using silent2 = new SilentServer();
  await using next = await P2pServer.listen();
  const addresses = [silent.address, full.address, silent2.address, next.address];
  let asked: RawParty | undefined;
  await using leaving = new ScriptedServer((party) => asked = party);
  await using alice = await P2pClient.connect({ name: "Alice", servers: [leaving.address] });
  alice.send("Bob", "hello").catch(() => {});
  await eventually("she writes", () => asked);
  writeMoveRequest(asked!.out, addresses);
  await eventually("she moves", () => alice.server === next.address, SOON_MS);
});

test("p2p client that moves to a server which does not answer looks for another when its own is lost", async () => {
  await using silent = new SilentServer();
  const first = await P2pServer.listen();
  await using second = await P2pServer.listen({ peers: [first.address] });
  const servers = [first.address, second.address];
  await using alice = await P2pClient.connect({ name: "Alice", servers });
  const moving = assertFails(alice.moveTo(silent.address), ErrorCode.ConnectionLost);
  await eventually("she dials", () => silent.connections > 0);
  await first.close();
  await eventually("she is back", () => alice.server === second.address, SOON_MS);
  await moving;
});

test("p2p client tells why each server cannot be used, and fails at once when all refuse", async () => {
  await using server = await P2pServer.listen();
  await using _bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  await using silent = new SilentServer();
  const servers = [server.address, silent.address];
  // The name is taken wherever Bob asks.
  await within(
    "the answer",
    assertFails(
      P2pClient.connect({ name: "Bob", servers }),
      ErrorCode.NameTaken,
    ),
    SOON_MS,
  );
  assert(silent.connections <= 1);
});
