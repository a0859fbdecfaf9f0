import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  MessageKind,
  readReceipts,
  ReceiptState,
  writeMessage,
} from "@netlab/protocol";
import { P2pClient, type Sent } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import {
  assertFails,
  eventually,
  Inbox,
  RawParty,
  socketTest as test,
  within,
} from "../network.ts";

const connect = (name: string, { address }: P2pServer) =>
  P2pClient.connect({ name, servers: [address] });

const texts = (count: number) => Array.from({ length: count }, (_, number) => `${number}`);

/** Whether a promise is still open after all that is due now was done. */
async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  let open = true;
  const settled = () => open = false;
  promise.then(settled, settled);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  return open;
}

for (const where of ["the same server", "another server"]) {
  test(`p2p messages for an absent user arrive when the user registers at ${where}`, async () => {
    await using first = await P2pServer.listen();
    await using second = await P2pServer.listen({ peers: [first.address] });
    await eventually("both are linked", () => first.peers().length + second.peers().length === 2);
    await using alice = await connect("Alice", first);
    const sent = await within(
      "all is safe",
      Promise.all(texts(300).map((text) => alice.send("Bob", text))),
    );
    assertEquals(new Set(sent.map(({ id }) => id)).size, sent.length);
    const ends = Promise.all(sent.map(({ delivered }) => delivered));
    assert(await isOpen(sent[0]!.delivered));
    await using bob = await connect("Bob", where === "the same server" ? first : second);
    // A message that has arrived is not delivered yet: the program must take it.
    const reading = bob[Symbol.asyncIterator]();
    const { value: zero } = await within("the first", reading.next());
    assertEquals(zero?.text, "0");
    assert(await isOpen(sent[0]!.delivered));
    await reading.return!();
    assert(await isOpen(sent[0]!.delivered));
    bob.take(zero!);
    await within("the first one's end", sent[0]!.delivered);
    assert(await isOpen(sent[1]!.delivered));
    const inbox = new Inbox(bob);
    await within("their end", ends);
    assertEquals(inbox.from("Alice"), texts(300).slice(1));
  });

  test(`p2p sender who was absent when a message was delivered gets the receipt on ${where}`, async () => {
    await using first = await P2pServer.listen();
    await using second = await P2pServer.listen({ peers: [first.address] });
    await eventually("both are linked", () => first.peers().length + second.peers().length === 2);
    const session = crypto.randomUUID();
    const id = crypto.randomUUID();
    const heard = async (party: RawParty) => {
      const [receipt] = readReceipts((await party.next(FrameType.Receipt)).payload);
      return [receipt?.id, receipt?.state];
    };
    {
      await using alice = await RawParty.register(first, "Alice", session);
      const message = { id, sender: "Alice", recipient: "Bob", text: "Hello" };
      writeMessage(alice.out, message, MessageKind.Durable);
      assertEquals(await heard(alice), [id, ReceiptState.Accepted]);
    }
    await eventually("Alice has gone", () => second.users().length === 0);
    await using bob = await connect("Bob", second);
    const inbox = new Inbox(bob);
    await eventually("Bob has it", () => inbox.messages.length === 1);
    const there = where === "the same server" ? first : second;
    await using again = await RawParty.register(there, "Alice", session);
    assertEquals(await heard(again), [id, ReceiptState.Delivered]);
  });
}

test("p2p messages beyond a limit are refused until some are delivered", async () => {
  const text = "x".repeat(1_000);
  for (const limits of [{ maxMessages: 10 }, { maxBytes: 10_000 }]) {
    await using server = await P2pServer.listen({ limits });
    await using alice = await connect("Alice", server);
    const sent: Sent[] = [];
    for (let number = 0; number < 10; number++) sent.push(await alice.send("Bob", text));
    const error = await assertFails(alice.send("Bob", text), ErrorCode.MailboxFull);
    assert(error.message.includes("Bob"), error.message);
    // The limit concerns Bob only.
    await alice.send("Carol", text);
    {
      await using bob = await connect("Bob", server);
      const inbox = new Inbox(bob);
      await within("their end", Promise.all(sent.map(({ delivered }) => delivered)));
      assertEquals(inbox.messages.length, 10);
    }
    await eventually("Bob has left", () => server.users().length === 1);
    await alice.send("Bob", text);
  }
});

test("p2p message that waited for too long expires, and its sender is told", async () => {
  await using server = await P2pServer.listen({ limits: { maxAgeMs: 1 } });
  await using alice = await connect("Alice", server);
  const { delivered } = await alice.send("Bob", "Hello");
  const error = await assertFails(delivered, ErrorCode.TimedOut);
  assert(error.message.includes("Bob"), error.message);
  await using bob = await connect("Bob", server);
  const inbox = new Inbox(bob);
  await bob.send("Bob", "alone");
  await eventually("only that is there", () => inbox.messages.length > 0);
  assertEquals(inbox.from("Alice"), []);
});
