/**
 * Users whose names legacy servers list.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { askServerUsers, P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { UserKind, UserScope } from "@netlab/protocol";
import { LegacyClient, LegacyServer } from "../../legacy.ts";
import { eventually, Inbox, nextMessage, socketTest as test } from "../network.ts";

test("p2p server loses messages to a user who has left a legacy server, and does not report them as delivered", async () => {
  await using old = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  const olga = await LegacyClient.connect("Olga", old);
  await eventually("she is known", () => server.users().includes("Olga"));
  await olga[Symbol.asyncDispose]();
  assertEquals(await (await nina.send("Olga", "lost")).delivered, "sent");
  await using back = await P2pClient.connect({ name: "Olga", servers: [server.address] });
  const inbox = new Inbox(back);
  assertEquals(await (await nina.send("Olga", "for you")).delivered, "delivered");
  assertEquals(inbox.lines, ["Nina: for you"]);
});

test("p2p server lets a user register whose name a legacy server lists", async () => {
  await using old = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using other = await P2pServer.listen({ peers: [server.address, old.address] });
  await (await LegacyClient.connect("Olga", old))[Symbol.asyncDispose]();
  await eventually("she is listed", () => [server, other].every((s) => s.users().includes("Olga")));
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  for (const { address, id } of [server, other]) {
    await using olga = await P2pClient.connect({ name: "Olga", servers: [address] });
    // The legacy server still lists her, so her name alone does not say that the server knows where she is.
    await eventually("she is known there", async () => {
      const users = await askServerUsers(server.address, UserScope.All);
      return users.some(({ name, server, kind }) =>
        name === "Olga" && server === id && kind === UserKind.Session
      );
    });
    const sent = await nina.send("Olga", `at ${address}`);
    assertEquals((await nextMessage(olga)).text, `at ${address}`);
    assertEquals(await sent.delivered, "delivered");
  }
  await using olga = await LegacyClient.connect("Olga", server);
  await eventually("she is here", () => server.localUsers().includes("Olga"));
  assertEquals(await (await nina.send("Olga", "as a legacy client.")).delivered, "sent");
  await olga.sees("Nina: as a legacy client.");
});

test("p2p server sends to every legacy server that lists a user", async () => {
  await using one = new LegacyServer();
  await using two = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [one.address, two.address] });
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  for (const [from, to] of [[one, two], [two, one]] as const) {
    const name = `Bob ${from.port}`;
    await (await LegacyClient.connect(name, from))[Symbol.asyncDispose]();
    await using bob = await LegacyClient.connect(name, to);
    await eventually("he is known", () => server.users().includes(name));
    await eventually("both list him", () => from.users.has(name) && to.users.has(name));
    // The server asks once a second: after the second answer it knows both lists.
    const before = [one.listings, two.listings] as const;
    await eventually(
      "the server knows both lists",
      () => one.listings > before[0] + 1 && two.listings > before[1] + 1,
    );
    const sent = await nina.send(name, "durable.");
    await bob.sees("Nina: durable.");
    assertEquals(await sent.delivered, "sent");
    await nina.post(name, "posted.");
    await bob.sees("Nina: posted.");
  }
});

test("p2p server accepts messages from legacy servers only from their own users", async () => {
  await using old = new LegacyServer();
  await using server = await P2pServer.listen({ peers: [old.address] });
  await using anna = await P2pClient.connect({ name: "Anna", servers: [server.address] });
  await using bert = await P2pClient.connect({ name: "Bert", servers: [server.address] });
  await using mallory = await LegacyClient.connect("Mallory", old);
  await eventually("all are known", () => server.users().length === 3);
  const inbox = new Inbox(anna);
  // Its server forwards any sender that a client writes.
  await using forger = await LegacyClient.connect("Forger", old);
  Object.defineProperty(forger, "name", { value: "Bert" });
  forger.send("Anna", "in Bert's name");
  mallory.send("Anna", "in her own");
  await eventually("one has come", () => inbox.messages.length > 0);
  await bert.send("Anna", "the real Bert");
  await eventually("two have come", () => inbox.messages.length > 1);
  assertEquals(inbox.lines, ["Mallory: in her own", "Bert: the real Bert"]);
});
