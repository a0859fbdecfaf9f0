import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Message } from "@netlab/protocol";
import { pureTest as test } from "../../kinds.ts";
import { type ClientSession, Incoming } from "@netlab/p2p/core";
import { Inbox } from "../../../p2p/core/session/inbox.ts";
import { eventually } from "../network.ts";

/** A session that records acknowledgements. */
class FakeSession {
  isWaiting = false;
  /** The numbers of the messages that were acknowledged, a list for each time. */
  readonly acknowledged: number[][] = [];
  #taken: number[] = [];

  untaken(id: string): Incoming | undefined {
    return incoming(Number(id), true);
  }

  take({ id0, isDurable }: Incoming): number {
    if (isDurable) this.#taken.push(id0);
    return this.#taken.length;
  }

  acknowledge(): void {
    if (this.#taken.length > 0) this.acknowledged.push(this.#taken);
    this.#taken = [];
  }
}

/** An inbox with so many messages, numbered from 1. */
function inboxWith(count: number, isDurable = true) {
  const session = new FakeSession();
  const pauses: boolean[] = [];
  const inbox = new Inbox(session as unknown as ClientSession, {
    pauseReading: (isPaused) => void pauses.push(isPaused),
    soon(run) {
      const timer = setTimeout(run, 2);
      return () => clearTimeout(timer);
    },
    atTurnEnd: (run) => void setImmediate(run),
  });
  let number = 0;
  const receive = () => inbox.receive(incoming(++number, isDurable));
  for (let i = 0; i < count; i++) receive();
  return { inbox, session, pauses, acknowledged: session.acknowledged, receive };
}

function incoming(number: number, isDurable: boolean): Incoming {
  const message = { id: `${number}`, text: `${number}` } as Message;
  return new Incoming(message, Int32Array.of(number, 0, 0, 0), isDurable);
}

test("inbox acknowledges a message when the next one is read, and not before", async () => {
  const { inbox, acknowledged, receive } = inboxWith(1);
  const reader = inbox.reader();
  assertEquals((await reader.next()).value?.text, "1");
  // Everything that is due now has run.
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(acknowledged, []);
  const second = reader.next();
  assertEquals(acknowledged, [[1]]);
  receive();
  const { value } = await second;
  assertEquals(value?.text, "2");
  await reader.return!();
  assertEquals(acknowledged, [[1]]);
  inbox.take(value!);
  assertEquals(acknowledged, [[1], [2]]);
  inbox.end();
});

test("inbox acknowledges many messages at once, and a few soon", async () => {
  const { inbox, acknowledged } = inboxWith(250);
  const reader = inbox.reader();
  for (let number = 1; number <= 206; number++) await reader.next();
  assertEquals(acknowledged.map(({ length }) => length), [100, 100]);
  // The program does not ask for more, but it has read five, whose acknowledgements wait for more.
  await eventually("they are acknowledged", () => acknowledged.length === 3);
  assertEquals(acknowledged[2], [201, 202, 203, 204, 205]);
  await reader.return!();
  assertEquals(acknowledged.length, 3);
});

test("inbox does not count a message as taken however a loop is left", async () => {
  const { inbox, acknowledged } = inboxWith(3);
  const messages = { [Symbol.asyncIterator]: () => inbox.reader() };
  for await (const _ of messages) break;
  await assertRejects(
    async () => {
      for await (const _ of messages) throw new Error("the body failed");
    },
    Error,
    "the body failed",
  );
  await (async () => {
    for await (const _ of messages) return;
  })();
  await inbox.close();
  assertEquals(acknowledged, []);
});

test("inbox that is closed acknowledges messages that were taken, and not those that were only read", async () => {
  const { inbox, acknowledged } = inboxWith(5);
  const reader = inbox.reader();
  for (let number = 1; number <= 3; number++) await reader.next();
  await inbox.close();
  assertEquals(acknowledged, [[1, 2]]);
  inbox.end();
  assertEquals((await reader.next()).done, true);
  await reader.return!();
  assertEquals(acknowledged, [[1, 2]]);
});

test("inbox that is closed still counts the message of a loop that does not wait for anything else", async () => {
  const { inbox, acknowledged } = inboxWith(3);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { text } of { [Symbol.asyncIterator]: () => inbox.reader() }) seen.push(text);
  })();
  await inbox.close();
  inbox.end();
  await reading;
  assertEquals(acknowledged.flat().map(String), seen);
  assert(seen.length > 0);
});

test("inbox gives the message of a reader that has left to the next reader", async () => {
  const { inbox, acknowledged, receive } = inboxWith(0);
  const [gone, stays] = [inbox.reader(), inbox.reader()];
  const asked = [gone.next(), gone.next()];
  await gone.return!();
  assertEquals((await Promise.all(asked)).map(({ done }) => done), [true, true]);
  assertEquals((await gone.next()).done, true);
  const next = stays.next();
  receive();
  assertEquals((await next).value?.text, "1");
  void stays.next();
  assertEquals(acknowledged, [[1]]);
  await stays.return!();
});

test("inbox gives messages in order to a reader that asks for several at once", async () => {
  const { inbox, acknowledged, receive } = inboxWith(1);
  const reader = inbox.reader();
  const asked = [reader.next(), reader.next(), reader.next()];
  receive();
  receive();
  const texts = (await Promise.all(asked)).map(({ value }) => value?.text);
  assertEquals(texts, ["1", "2", "3"]);
  assertEquals(acknowledged, []);
  void reader.next();
  assertEquals(acknowledged, [[1, 2, 3]]);
  await reader.return!();
  await inbox.close();
});

test("inbox does not acknowledge ephemeral messages", async () => {
  const { inbox, acknowledged } = inboxWith(3, false);
  const reader = inbox.reader();
  for (let number = 1; number <= 3; number++) await reader.next();
  await reader.return!();
  assertEquals(acknowledged, []);
});

test("inbox takes no message that the program has asked for and not got yet", async () => {
  const { inbox, acknowledged } = inboxWith(2);
  const reader = inbox.reader();
  const asked = [reader.next(), reader.next()];
  assertEquals(acknowledged, []);
  await Promise.all(asked);
  void reader.next();
  assertEquals(acknowledged, [[1, 2]]);
  await reader.return!();
});

test("inbox stops the reading when it is full, and later while a sent message waits for its receipt", async () => {
  const { inbox, session, pauses, receive } = inboxWith(1_023, false);
  assertEquals(pauses, []);
  receive();
  assertEquals(pauses, [true]);
  session.isWaiting = true;
  inbox.look();
  assertEquals(pauses, [true, false]);
  for (let count = 1_025; count < 16_384; count++) receive();
  assertEquals(pauses, [true, false]);
  receive();
  assertEquals(pauses, [true, false, true]);
  session.isWaiting = false;
  const reader = inbox.reader();
  for (let count = 0; count < 16_384 - 513; count++) await reader.next();
  assertEquals(pauses, [true, false, true]);
  await reader.next();
  assertEquals(pauses, [true, false, true, false]);
});
