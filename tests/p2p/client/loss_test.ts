import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "@netlab/protocol";
import { type ClientStatus, P2pClient, type Sent } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { freePort } from "../../processes.ts";
import { assertFails, eventually, Inbox, onPort, socketTest as test, within } from "../network.ts";

test("p2p client that loses its server continues at another one that it learned of", async () => {
  const first = await P2pServer.listen();
  await using second = await P2pServer.listen({ peers: [first.address] });
  await eventually("both are linked", () => first.peers().length === 1);
  const states: ClientStatus[] = [];
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [first.address],
    onStatus: (status) => states.push(status),
  });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [second.address] });
  const inbox = new Inbox(bob);
  await eventually("Alice knows both", () => alice.knownServers.length === 2);
  await eventually("Bob is known", () => first.users().includes("Bob"));

  const closing = first.close();
  const texts = Array.from({ length: 100 }, (_, number) => `${number}`);
  await Promise.all(texts.map((text) => alice.send("Bob", text)));
  assertEquals(alice.server, second.address);
  assertEquals(states.map(({ state }) => state), ["connected", "reconnecting", "connected"]);
  await bob.send("Alice", "welcome back");
  await bob.send("Bob", "last");
  await eventually("all has come", () => inbox.from("Bob").length === 1);
  assertEquals(inbox.from("Alice"), texts);
  await closing;
});

test("p2p messages that are in flight when servers close arrive once, in order", async () => {
  // Servers come and go around two users, who write all the time.
  await using stays = await P2pServer.listen();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [stays.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [stays.address] });
  const inbox = new Inbox(bob);
  const sent: Promise<Sent>[] = [];
  const send = () => {
    for (let i = 0; i < 200; i++) sent.push(alice.send("Bob", `${sent.length}`));
  };
  for (let round = 0; round < 5; round++) {
    const goes = await P2pServer.listen({ peers: [stays.address] });
    await eventually("both know both", () => goes.users().length === 2);
    await alice.moveTo(goes.address);
    await eventually("Alice has moved", () => stays.localUsers().length === 1);
    send();
    const closing = goes.close();
    send();
    await closing;
    await eventually("Alice is back", () => stays.localUsers().length === 2);
  }
  for (const each of sent) await within("each one's end", (await each).delivered);
  await eventually("all has come", () => inbox.messages.length >= sent.length);
  assertEquals(inbox.from("Alice"), sent.map((_, number) => `${number}`));
});

test("p2p client waits for its only server to come back, and sends then", async () => {
  const port = freePort();
  const before = await onPort(() => P2pServer.listen({ port }));
  await using alice = await P2pClient.connect({ name: "Alice", servers: [before.address] });
  const inbox = new Inbox(alice);
  await before.close();
  await eventually("Alice has lost it", () => alice.server === undefined);
  const sending = alice.send("Alice", "to myself, later");
  await using _after = await onPort(() => P2pServer.listen({ port }));
  await (await within("the message", sending)).delivered;
  await eventually("it has come", () => inbox.messages.length === 1);
});

test("p2p client that is closed while it looks for a server ends at once", async () => {
  const server = await P2pServer.listen();
  const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await server.close();
  await eventually("Alice has lost it", () => alice.server === undefined);
  const failing = assertFails(alice.send("Alice", "never"), ErrorCode.Closed);
  await within("the end", alice.close(), 1_000);
  await failing;
  await new Inbox(alice).ended;
});

test("p2p client whose name was taken while it was away ends with that reason", async () => {
  const port = freePort();
  const before = await onPort(() => P2pServer.listen({ port }));
  const alice = await P2pClient.connect({ name: "Alice", servers: [before.address] });
  const inbox = new Inbox(alice);
  await before.close();
  await eventually("Alice has lost it", () => alice.server === undefined);
  await using other = await P2pServer.listen();
  await using thief = await P2pClient.connect({ name: "Alice", servers: [other.address] });
  const peers = [other.address];
  await using _after = await onPort(() => P2pServer.listen({ port, peers }));
  // It may come back before the two servers know each other: the older session keeps the name then.
  const error = await assertFails(
    Promise.race([inbox.ended, new Inbox(thief).ended]),
    ErrorCode.NameTaken,
  );
  assert(error.message.includes("Alice"));
  await alice.close();
});
