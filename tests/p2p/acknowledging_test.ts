import { assert, assertEquals, assertRejects } from "@std/assert";
import { P2pClient, type Sent } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { eventually, Inbox, socketTest as test, within } from "./network.ts";

/** The outcomes of messages, as far as they are known. */
function outcomes(sent: readonly Sent[]): (string | undefined)[] {
  const known: (string | undefined)[] = sent.map(() => undefined);
  sent.forEach(({ delivered }, index) => {
    void delivered.then((outcome) => known[index] = outcome, () => known[index] = "failed");
  });
  return known;
}

/** A server, Bob, his messages to Alice, and their outcomes. */
async function scene(count: number) {
  const server = await P2pServer.listen();
  const join = (name: string) => P2pClient.connect({ name, servers: [server.address] });
  const bob = await join("Bob");
  const texts = Array.from({ length: count }, (_, number) => `${number}`);
  const sent = await Promise.all(texts.map((text) => bob.send("Alice", text)));
  return {
    join,
    texts,
    sent,
    outcomes: outcomes(sent),
    async [Symbol.asyncDispose]() {
      await bob.close();
      await server.close();
    },
  };
}

test("p2p message counts as delivered when the program reads the next one", async () => {
  await using it = await scene(3);
  await using alice = await it.join("Alice");
  const messages = alice[Symbol.asyncIterator]();
  await within("the first", messages.next());
  await within("the second", messages.next());
  await within("the first one's end", it.sent[0]!.delivered);
  assertEquals(it.outcomes, ["delivered", undefined, undefined]);
  await messages.return!();
  await within("the second one's end", it.sent[1]!.delivered);
  assertEquals(it.outcomes, ["delivered", "delivered", undefined]);
});

test("p2p message counts as delivered however the program leaves its loop", async () => {
  await using it = await scene(2);
  await using alice = await it.join("Alice");
  for await (const _ of alice) break;
  await within("its end", it.sent[0]!.delivered);
  await assertRejects(
    async () => {
      for await (const { text } of alice) throw new Error(text);
    },
    Error,
    "1",
  );
  await within("its end", it.sent[1]!.delivered);
});

test("p2p message that a client has received but not acknowledged goes to the next client of that name", async () => {
  await using it = await scene(3);
  const alice = await it.join("Alice");
  const messages = alice[Symbol.asyncIterator]();
  await within("the first", messages.next());
  assertEquals((await within("the second", messages.next())).value?.text, "1");
  await alice.close();
  assertEquals((await messages.next()).done, true);
  await using next = await it.join("Alice");
  const inbox = new Inbox(next);
  await within("their end", Promise.all(it.sent.map(({ delivered }) => delivered)));
  assertEquals(inbox.from("Bob"), ["1", "2"]);
});

test("p2p message that fails in a program that calls next() itself stays stored", async () => {
  await using it = await scene(2);
  const written: string[] = [];
  const readOn = async (client: P2pClient, fails: (text: string) => boolean) => {
    const messages = client[Symbol.asyncIterator]();
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      if (fails(next.value.text)) throw new Error("the disk is full");
      written.push(next.value.text);
    }
  };
  const first = await it.join("Alice");
  await assertRejects(
    () => within("it fails", readOn(first, (text) => text === "1")),
    Error,
    "disk",
  );
  await first.close();
  await using second = await it.join("Alice");
  void readOn(second, () => false);
  await within("their end", Promise.all(it.sent.map(({ delivered }) => delivered)));
  assertEquals(written, it.texts);
});

test("p2p clients of one name that close while reading see each message once", async () => {
  await using it = await scene(900);
  const seen: string[] = [];
  for (let client = 0; seen.length < it.texts.length; client++) {
    const alice = await it.join("Alice");
    const enough = seen.length + 20;
    const reading = (async () => {
      for await (const { text } of alice) seen.push(text);
    })();
    await eventually("some were seen", () => seen.length >= Math.min(enough, it.texts.length));
    await alice.close();
    await reading;
    assert(client < 100, `${seen.length} after ${client} clients`);
  }
  assertEquals(seen, it.texts);
  await within("their end", Promise.all(it.sent.map(({ delivered }) => delivered)));
});
