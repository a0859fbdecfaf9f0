import { assert, assertEquals, assertRejects } from "@std/assert";
import { P2pClient, type Sent } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { eventually, Inbox, socketTest as test, within } from "../network.ts";

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
    server,
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

/** Reads what the next client of Alice gets, until all of Bob's messages are delivered. */
async function leftFor(it: Awaited<ReturnType<typeof scene>>): Promise<string[]> {
  await using next = await it.join("Alice");
  const inbox = new Inbox(next);
  await within("their end", Promise.all(it.sent.map(({ delivered }) => delivered)));
  return inbox.from("Bob");
}

test("p2p message counts as delivered when the program reads the next one", async () => {
  await using it = await scene(3);
  await using alice = await it.join("Alice");
  const messages = alice[Symbol.asyncIterator]();
  await within("the first", messages.next());
  const { value: second } = await within("the second", messages.next());
  await within("the first one's end", it.sent[0]!.delivered);
  assertEquals(it.outcomes, ["delivered", undefined, undefined]);
  await messages.return!();
  alice.take(second!);
  await within("the second one's end", it.sent[1]!.delivered);
  assertEquals(it.outcomes, ["delivered", "delivered", undefined]);
});

const ways: [string, (client: P2pClient) => Promise<unknown>][] = [
  ["break", async (client) => {
    for await (const _ of client) break;
  }],
  ["return", async (client) => {
    for await (const _ of client) return;
  }],
  ["an exception", (client) =>
    assertRejects(async () => {
      for await (const { text } of client) throw new Error(text);
    }, Error)],
  ["an exception after a wait", (client) =>
    assertRejects(async () => {
      for await (const { text } of client) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        throw new Error(text);
      }
    }, Error)],
  ["close in the body", async (client) => {
    for await (const _ of client) await client.close();
  }],
];
for (const [way, leave] of ways) {
  test(`p2p message whose loop is left by ${way} goes to the next client of that name`, async () => {
    await using it = await scene(2);
    const alice = await it.join("Alice");
    await within("the loop ends", leave(alice));
    await alice.close();
    assertEquals(it.outcomes, [undefined, undefined]);
    assertEquals(await leftFor(it), ["0", "1"]);
  });
}

test("p2p message that was taken before its loop is left is delivered", async () => {
  await using it = await scene(2);
  const alice = await it.join("Alice");
  for await (const message of alice) {
    alice.take(message);
    alice.take(message);
    break;
  }
  await within("its end", it.sent[0]!.delivered);
  await alice.close();
  assertEquals(await leftFor(it), ["1"]);
});

test("p2p message of one loop stays with it while another loop of the same client goes on", async () => {
  await using it = await scene(3);
  const alice = await it.join("Alice");
  const [slow, fast] = [alice[Symbol.asyncIterator](), alice[Symbol.asyncIterator]()];
  await within("the first", slow.next());
  for (const _ of [1, 2]) await within("another", fast.next());
  void fast.next();
  await within("the others' end", Promise.all([it.sent[1]!.delivered, it.sent[2]!.delivered]));
  assertEquals(it.outcomes, [undefined, "delivered", "delivered"]);
  await alice.close();
  assertEquals(await leftFor(it), ["0"]);
});

test("p2p messages that were asked for ahead are taken by the first call after they arrived", async () => {
  await using it = await scene(3);
  const alice = await it.join("Alice");
  const messages = alice[Symbol.asyncIterator]();
  await within("both", Promise.all([messages.next(), messages.next()]));
  void messages.next();
  await within("their end", Promise.all([it.sent[0]!.delivered, it.sent[1]!.delivered]));
  await alice.close();
  assertEquals(await leftFor(it), ["2"]);
});

test("p2p message on which the program works during a move is taken as always", async () => {
  await using it = await scene(2);
  await using second = await P2pServer.listen({ peers: [it.server.address] });
  await eventually("both are linked", () => second.peers().length === 1);
  await using alice = await it.join("Alice");
  const messages = alice[Symbol.asyncIterator]();
  await within("the first", messages.next());
  await alice.moveTo(second.address);
  assertEquals((await within("the second", messages.next())).value?.text, "1");
  await within("the first one's end", it.sent[0]!.delivered);
  assertEquals(it.outcomes, ["delivered", undefined]);
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
