/**
 * A client shows its session key only to a server that keeps it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Capability, readSessionRegistration, sessionIdOf } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { ScriptedServer, socketTest as test } from "../network.ts";

test("a client registers with its key, and at an older server with the id that follows from it", async () => {
  const sessions: string[] = [];
  const server = (...capabilities: string[]) =>
    new ScriptedServer(undefined, [Capability.Session, ...capabilities], undefined, (frame) => {
      sessions.push(readSessionRegistration(frame.payload).session);
    });
  await using older = server();
  await using newer = server(Capability.Key);
  await using client = await P2pClient.connect({ name: "Bob", servers: [older.address] });
  await client.moveTo(newer.address);
  await client.moveTo(older.address);
  assertEquals(sessions.length, 3);
  const [id, key, again] = sessions as [string, string, string];
  assert(id !== key);
  assertEquals([sessionIdOf(key), again], [id, id]);
});
