/** Messages whose ids the program gives, because an earlier client of the same user could not confirm them. */
import { assertEquals, assertRejects } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { socketTest as test } from "../../kinds.ts";

test("a message that is sent again under its id is seen once", async () => {
  await using one = await P2pServer.listen();
  await using two = await P2pServer.listen({ peers: [one.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [two.address] });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { text } of bob) seen.push(text);
  })();
  const id = crypto.randomUUID();
  for (const server of [one, one, two]) {
    await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    const sent = await alice.send("Bob", "Hello", { id });
    assertEquals(sent.id, id);
    assertEquals(await sent.delivered, "delivered");
  }
  await bob.close();
  await reading;
  assertEquals(seen, ["Hello"]);
});

test("a client learns what became of a message of an earlier one", async () => {
  await using server = await P2pServer.listen();
  const servers = [server.address];
  const id = crypto.randomUUID();
  const first = await P2pClient.connect({ name: "Alice", servers });
  await first.send("Bob", "Hello", { id });
  await first.close();
  await using alice = await P2pClient.connect({ name: "Alice", servers });
  const outcome = alice.follow("Bob", id);
  await assertRejects(() => alice.follow("Bob", id), TypeError, "on its way");
  await using bob = await P2pClient.connect({ name: "Bob", servers });
  for await (const message of bob) {
    bob.take(message);
    break;
  }
  assertEquals(await outcome, "delivered");
});

test("an id that is no UUID, or in use, is refused", async () => {
  await using server = await P2pServer.listen();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await assertRejects(() => alice.send("Bob", "Hello", { id: "1" }), TypeError, "no UUID");
  await assertRejects(() => alice.follow("Bob", ""), TypeError, "no UUID");
  const id = crypto.randomUUID();
  await alice.send("Bob", "Hello", { id });
  await assertRejects(() => alice.send("Bob", "Hello", { id }), TypeError, "on its way");
});
