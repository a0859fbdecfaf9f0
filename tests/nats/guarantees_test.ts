import { assert, assertEquals, assertRejects } from "@std/assert";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { assertFails, eventually, Inbox, within } from "../p2p/network.ts";
import { found, guaranteeTest, MeshNetwork } from "./networks.ts";

const join = (name: string, ...servers: { address: string }[]) =>
  P2pClient.connect({ name, servers: servers.map(({ address }) => address) });

guaranteeTest(
  "messages arrive once and in order, also while their recipient moves",
  async (network) => {
    const one = await network.start();
    const two = await network.start();
    await found(one, two);
    await using alice = await join("Alice", one);
    await using bob = await join("Bob", two, one);
    const inbox = new Inbox(bob);
    const texts = Array.from({ length: 200 }, (_, number) => String(number));
    const sending = texts.map(async (text) => await (await alice.send("Bob", text)).delivered);
    await eventually("some arrive", () => inbox.messages.length > 20);
    await bob.moveTo(one.address);
    const outcomes = await within("all outcomes", Promise.all(sending));
    assertEquals(new Set(outcomes), new Set(["delivered" as const]));
    assertEquals(inbox.from("Alice"), texts);
  },
);

guaranteeTest("ephemeral messages reach users of other servers", async (network) => {
  const one = await network.start();
  const two = await network.start();
  await found(one, two);
  await using alice = await join("Alice", one);
  await using bob = await join("Bob", two);
  const inbox = new Inbox(bob);
  await eventually("Bob is known", () => one.users().includes("Bob"));
  for (let number = 0; number < 100; number++) {
    await alice.ready();
    await alice.post("Bob", String(number));
  }
  await eventually("all arrive", () => inbox.messages.length === 100);
});

guaranteeTest(
  "a name that a user has at another server is refused while that user is alive",
  async (network) => {
    const one = await network.start();
    const two = await network.start();
    await found(one, two);
    await using alice = await join("Alice", one);
    await eventually("Alice is known", () => two.users().includes("Alice"));
    await assertFails(join("Alice", two), ErrorCode.NameTaken);
    await alice.close();
    await using again = await eventually("the name is free", async () => {
      try {
        return await join("Alice", two);
      } catch (error) {
        assert(error instanceof NetlabError && error.code === ErrorCode.NameTaken);
        return undefined;
      }
    });
    assertEquals(again?.server, two.address);
  },
);

guaranteeTest(
  "of two users who register a name at the same time, one keeps it",
  async (network) => {
    const one = await network.start();
    const two = await network.start();
    await found(one, two);
    const decidesLater = network instanceof MeshNetwork;
    for (let round = 0; round < (decidesLater ? 2 : 20); round++) {
      const name = `User ${round}`;
      const results = await Promise.allSettled([join(name, one), join(name, two)]);
      const clients = results.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
      const holders = () =>
        [...one.localUsers(), ...two.localUsers()].filter((each) => each === name);
      if (!decidesLater) {
        assertEquals(clients.length, 1);
        const failure = results.find(({ status }) =>
          status === "rejected"
        ) as PromiseRejectedResult;
        assertEquals((failure.reason as NetlabError).code, ErrorCode.NameTaken);
      }
      await eventually("one has the name", () => holders().length === 1);
      await Promise.all(clients.map((client) => client.close().catch(() => {})));
    }
  },
);

guaranteeTest("messages for users who are away wait for them, in order", async (network) => {
  const one = await network.start();
  const two = await network.start();
  await found(one, two);
  await using alice = await join("Alice", one);
  const sent = [await alice.send("Bob", "one"), await alice.send("Bob", "two")];
  await using bob = await join("Bob", two);
  const inbox = new Inbox(bob);
  const outcomes = await within("receipts", Promise.all(sent.map(({ delivered }) => delivered)));
  assertEquals(outcomes, ["delivered", "delivered"]);
  assertEquals(inbox.from("Alice"), ["one", "two"]);
});

guaranteeTest(
  "users of a server that leaves move to another, and nothing is lost",
  async (network) => {
    const one = await network.start();
    const two = await network.start();
    await found(one, two);
    await using alice = await join("Alice", one);
    await using bob = await join("Bob", two, one);
    const inbox = new Inbox(bob);
    await alice.send("Carol", "are you there?");
    const texts = Array.from({ length: 100 }, (_, number) => String(number));
    const sending = texts.map((text) => alice.send("Bob", text));
    await eventually("some arrive", () => inbox.messages.length > 0);
    await within("the server has left", one.drain());
    await within("all are accepted", Promise.all(sending));
    await eventually("all have arrived", () => inbox.messages.length >= texts.length);
    assertEquals(inbox.from("Alice").toSorted((a, b) => Number(a) - Number(b)), texts);
    assertEquals(alice.server, two.address);
    await using carol = await join("Carol", two);
    const atCarol = new Inbox(carol);
    await eventually("it has arrived", () => atCarol.messages.length === 1);
  },
);

guaranteeTest("messages expire, and their senders learn of it", async (network) => {
  const one = await network.start({ limits: { maxAgeMs: 500 } });
  await using alice = await join("Alice", one);
  const { delivered } = await alice.send("Bob", "soon too old");
  await within("it expires", assertRejects(() => delivered, NetlabError, "waited for too long"));
  await using bob = await join("Bob", one);
  const inbox = new Inbox(bob);
  await alice.send("Bob", "in time");
  await eventually("the next arrives", () => inbox.messages.length > 0);
  assertEquals(inbox.from("Alice"), ["in time"]);
});

guaranteeTest(
  "limits on what is stored hold, and acknowledged messages make room",
  async (network) => {
    const one = await network.start({ limits: { maxMessages: 3 } });
    await using alice = await join("Alice", one);
    const sent = [];
    for (let number = 0; number < 3; number++) sent.push(await alice.send("Bob", String(number)));
    await assertFails(alice.send("Bob", "too much"), ErrorCode.MailboxFull);
    await using bob = await join("Bob", one);
    const inbox = new Inbox(bob);
    await within("all are delivered", Promise.all(sent.map(({ delivered }) => delivered)));
    await alice.send("Bob", "3");
    await eventually("the next arrives", () => inbox.messages.length === 4);
    assertEquals(inbox.from("Alice"), ["0", "1", "2", "3"]);
  },
);
