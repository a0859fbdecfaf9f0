/**
 * Legacy programs have no tokens: what a server does with them when it does not take them, and when it does.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ErrorCode, MessageKind, writeMessage } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { eventually, RawParty, storageTest as test, within } from "../network.ts";
import { Rogue } from "./rogue.ts";
import { KeyFiles } from "./test_network.ts";

test("a legacy client gets one text, and a stranger does not become a legacy server", async () => {
  using files = await KeyFiles.create();
  await using open = await P2pServer.listen({ legacy: false });
  for (const server of [open, await files.listen()]) {
    await using _ = server;
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await conn.write(Uint8Array.from([2, 1, 0, 3, 0, 0, ...new TextEncoder().encode("Bob")]));
    const text = await within("a text", new Response(conn.readable).text());
    assertEquals(
      text,
      "netlab: Cannot register Bob: this server takes no legacy programs; start it with --legacy " +
        "to permit them",
    );
    await using rogue = new Rogue(() => {});
    await using party = await RawParty.connect(server);
    party.send(1, 1, 0, String(rogue.port).length, 0, 0, String(rogue.port));
    const error = await party.nextError();
    const code = server === open ? ErrorCode.LegacyRefused : ErrorCode.TokenRequired;
    assertEquals([error.code, error.fatal], [code, true]);
    await party.ended;
    await using sender = await RawParty.connect(server);
    const message = { id: crypto.randomUUID(), sender: "Eve", recipient: "Bob", text: "x" };
    writeMessage(sender.out, message, MessageKind.Ephemeral);
    await sender.nextError();
    assertEquals(server.users(), []);
  }
});

test("a network with keys takes legacy clients only if that is permitted", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen({ legacy: true });
  const token = await files.token({ sub: "Alice" });
  const servers = [server.address];
  await using alice = await P2pClient.connect({ name: "Alice", token, servers });
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await conn.write(Uint8Array.from([2, 1, 0, 3, 0, 0, ...new TextEncoder().encode("Bob")]));
  await eventually("Bob", () => server.localUsers().includes("Bob"));
  await alice.send("Bob", "hello");
  const bytes = new Uint8Array(100);
  const read = await within("a text", conn.read(bytes));
  assertEquals(new TextDecoder().decode(bytes.subarray(0, read!)), "Alice: hello");
  conn.close();
  // It is no way around the tokens for anyone else.
  await using party = await RawParty.connect(server);
  party.send(2, 2, 0, 0, 0, 0);
  assertEquals((await party.nextError()).code, ErrorCode.TokenRequired);
});
