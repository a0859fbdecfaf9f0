/**
 * A name that is protected by a secret belongs to those who know the secret, at every server and after a restart.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ErrorCode, FrameType, writeSessionRegistration } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { TestFolder } from "../folders.ts";
import { LegacyClient } from "../legacy.ts";
import {
  assertFails,
  eventually,
  onPort,
  RawParty,
  socketTest as test,
  storageTest,
} from "./network.ts";

function connect(server: P2pServer, secret?: string, name = "Bob"): Promise<P2pClient> {
  return P2pClient.connect({
    name,
    servers: [server.address],
    ...secret !== undefined && { secret },
  });
}

test("a protected name is refused without its secret at every server, and never changes hands", async () => {
  await using first = await P2pServer.listen();
  await using second = await P2pServer.listen({ peers: [first.address] });
  await eventually("a link", () => first.peers().length === 1 && second.peers().length === 1);
  {
    await using bob = await connect(first, "swordfish");
    // It also moves, and its secret is not asked for again.
    await bob.moveTo(second.address);
    await bob.moveTo(first.address);
  }
  await using ann = await connect(second, undefined, "Ann");
  const sent = await ann.send("Bob", "for Bob only");
  for (const server of [first, second]) {
    await eventually("it is refused", async () => {
      try {
        await using thief = await connect(server);
        assert(thief.server);
        return false;
      } catch (error) {
        return (error as { code?: number }).code === ErrorCode.NameProtected;
      }
    });
    await assertFails(connect(server, "Swordfish"), ErrorCode.NameProtected);
    await using legacy = await LegacyClient.connect("Bob", { port: server.port });
    await eventually("a text", () => legacy.text.includes("protected by a secret"));
    assertEquals(server.localUsers().includes("Bob"), false);
  }
  await using bob = await connect(second, "swordfish");
  for await (const message of bob) {
    assertEquals(message.text, "for Bob only");
    bob.take(message);
    break;
  }
  await sent.delivered;
});

test("a secret is changed and dropped by who knows it, and an old one does not come back", async () => {
  await using first = await P2pServer.listen();
  await using second = await P2pServer.listen({ peers: [first.address] });
  await eventually("a link", () => first.peers().length === 1 && second.peers().length === 1);
  {
    await using bob = await connect(first, "one");
    await bob.changeSecret("two");
    await bob.moveTo(second.address);
  }
  for (const server of [first, second]) {
    await assertFails(connect(server, "one"), ErrorCode.NameProtected);
    await using bob = await connect(server, "two");
    assertEquals(bob.server, server.address);
  }
  {
    await using bob = await connect(second, "two");
    await bob.changeSecret(undefined);
    await assertRejects(() => bob.changeSecret("three"), TypeError, "without one");
  }
  await eventually("anybody may use it", async () => {
    try {
      await using anybody = await connect(first);
      return anybody.server === first.address;
    } catch {
      return false;
    }
  });
});

storageTest("a protected name is still protected after a restart", async () => {
  using folder = new TestFolder();
  const port = await (async () => {
    await using server = await P2pServer.listen({ data: folder.path });
    await using bob = await connect(server, "swordfish");
    assertEquals(bob.server, server.address);
    return server.port;
  })();
  await using server = await onPort(() => P2pServer.listen({ data: folder.path, port }));
  await assertFails(connect(server), ErrorCode.NameProtected);
  await assertFails(connect(server, "other"), ErrorCode.NameProtected);
  await using bob = await connect(server, "swordfish");
  assertEquals(bob.server, server.address);
});

test("a user who did not prove the secret may choose another name on the same connection", async () => {
  await using server = await P2pServer.listen();
  {
    await using bob = await connect(server, "swordfish");
    assert(bob.server);
  }
  await using party = await RawParty.connect(server);
  const session = crypto.randomUUID();
  writeSessionRegistration(party.out, { session, name: "Bob", signature: new Uint8Array(64) });
  assertEquals((await party.nextError()).code, ErrorCode.NameProtected);
  writeSessionRegistration(party.out, { session, name: "Bobby" });
  await party.next(FrameType.Registration);
});
