/**
 * The ephemeral messages that a user posts: which leave together, in which order and form, and how many may
 * be queued. Also, that a session receives each message of a batch once.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  ErrorCode,
  isSequenceId,
  MAX_PAYLOAD_BYTES,
  MessageKind,
  NetlabError,
  readBatch,
  readMessage,
  uuidWords,
  writeBatch,
  writeMessage,
} from "@netlab/protocol";
import type { SessionConnection } from "@netlab/p2p/core";
import { pureTest } from "../../../kinds.ts";
import { connection, decode, frameOf, posting, start } from "../session_parts.ts";
import { idsFrom } from "../test_user.ts";

/** The recipients, ids and texts of the frames that were written since the last call. */
function frames({ out }: SessionConnection) {
  return decode(out.take()).map(({ subtype, payload }) => {
    if (subtype === MessageKind.Batch) {
      const { id, recipient, texts } = readBatch(payload);
      return { ids: idsFrom(id, texts.length), recipient, texts };
    }
    assertEquals(subtype, MessageKind.Ephemeral);
    const { id, recipient, text } = readMessage(payload);
    return { ids: [id], recipient, texts: [text] };
  });
}

const shown = (server: SessionConnection) =>
  frames(server).map(({ recipient, texts }) => `${recipient}: ${texts.join(" ")}`);

/** Whether a promise is settled. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => settled = true, () => settled = true);
  for (let i = 0; i < 5; i++) await Promise.resolve();
  return settled;
}

pureTest(
  "posts of an event loop turn leave when it ends, in order, a frame for each run to one recipient",
  () => {
    const { posting: ann, endTurn } = posting();
    const server = connection();
    ann.attach(server);
    for (const text of ["one", "two", "three"]) void ann.post("Bob", text);
    void ann.post("Cid", "four");
    void ann.post("Bob", "five");
    assertEquals(server.out.length, 0);
    endTurn();
    assertEquals(shown(server), ["Bob: one two three", "Cid: four", "Bob: five"]);
    endTurn();
    assertEquals(server.out.length, 0);
    void ann.post("Bob", "six");
    endTurn();
    assertEquals(shown(server), ["Bob: six"]);
  },
);

pureTest("posts have consecutive numbers across frames", async () => {
  const { posting: ann, endTurn } = posting();
  const server = connection();
  ann.attach(server);
  const ids: string[] = [];
  for (const character of ["x", "é", "🦊"]) {
    for (let i = 0; i < 3_000; i++) {
      if (await isSettled(ann.post("Bob", character.repeat(50)))) continue;
      endTurn();
      ids.push(...frames(server).flatMap(({ ids }) => ids));
      ann.pump();
    }
  }
  endTurn();
  ids.push(...frames(server).flatMap(({ ids }) => ids));
  assertEquals(ids.length, 9_000);
  const words = ids.map((id) => uuidWords(id, new Int32Array(4)));
  assertEquals(words.map((id) => id[3]), ids.map((_, index) => index));
  assert(words.every((id) => isSequenceId(id, 0) && id[0] === words[0]![0]));
});

pureTest(
  "posts that fill a frame leave before the event loop turn ends, and frames are full",
  () => {
    const { posting: ann, endTurn } = posting();
    const server = connection();
    ann.attach(server);
    const text = "x".repeat(1_000);
    for (let i = 0; i < 65; i++) void ann.post("Bob", text);
    assertEquals(server.out.length, 0);
    void ann.post("Bob", text);
    const [full, ...rest] = decode(server.out.take());
    assertEquals(rest.length, 1, "the text that did not fit");
    assert(MAX_PAYLOAD_BYTES - full!.payload.length < 1_002);
    endTurn();
    assertEquals(server.out.length, 0);
  },
);

pureTest("a post waits while 256 KiB are queued, and resolves when there is room", async () => {
  const { posting: ann, endTurn } = posting();
  const server = connection();
  ann.attach(server);
  const text = "x".repeat(998);
  const room = ann.post("Bob", text);
  assertStrictEquals(ann.post("Bob", text), room, "all posts share one promise");
  let count = 2;
  let last = room;
  while (last === room) {
    last = ann.post("Bob", text);
    count++;
  }
  assert(count > 250 && count < 275, `${count} KiB`);
  assert(!await isSettled(last));
  endTurn();
  assert(!await isSettled(last), "the texts were written, and have not left");
  const texts = frames(server).flatMap(({ texts }) => texts);
  ann.pump();
  assert(await isSettled(last));
  endTurn();
  assertEquals([...texts, ...frames(server).flatMap(({ texts }) => texts)].length, count);
  assertStrictEquals(ann.post("Bob", text), room);
});

pureTest(
  "posts without a server are queued, up to 1 MiB, and cause no unhandled rejection",
  async () => {
    const { posting: ann, endTurn } = posting();
    const first = ann.post("Bob", "first");
    endTurn();
    assert(!await isSettled(first));
    let refused = 0;
    for (let i = 0; i < 1_100; i++) {
      const post = ann.post("Bob", "x".repeat(998));
      if (await isSettled(post)) {
        const error = await assertRejects(() => post, NetlabError);
        assertEquals(error.code, ErrorCode.TooSlow);
        refused++;
      } else void ann.post("Bob", "");
    }
    assert(refused > 40 && refused < 80, `${refused} refused`);
    const server = connection();
    ann.attach(server);
    assert(!await isSettled(first), "there is no room yet");
    const texts: string[] = [];
    while (server.out.length > 0) {
      assert(server.out.length < 256 * 1024 + MAX_PAYLOAD_BYTES + 6, "at most this much at a time");
      texts.push(...frames(server).flatMap(({ texts }) => texts));
      ann.pump();
    }
    assert(await isSettled(first));
    assertEquals(texts[0], "first");
    assertEquals(texts.filter((text) => text.length === 998).length, 1_100 - refused);
  },
);

pureTest("posts leave as single messages to a server that does not read batches", () => {
  for (const receipts of [true, false]) {
    const { posting: ann, endTurn } = posting();
    const server = connection(receipts, false);
    ann.attach(server);
    for (const text of ["one", "two"]) void ann.post("Bob", text);
    endTurn();
    assertEquals(shown(server), ["Bob: one", "Bob: two"]);
  }
});

pureTest("posts that were not written leave on the next connection, and no others", () => {
  const { posting: ann, endTurn } = posting();
  const [one, two] = [connection(), connection()];
  ann.attach(one);
  void ann.post("Bob", "one");
  endTurn();
  void ann.post("Bob", "two");
  ann.detach(one);
  endTurn();
  ann.attach(two);
  // The session moves: the new connection exists before the old one ends.
  void ann.post("Bob", "three");
  ann.detach(one);
  endTurn();
  assertEquals([shown(one), shown(two)], [["Bob: one"], ["Bob: two", "Bob: three"]]);
});

pureTest("an invalid post is refused, and does not affect others", async () => {
  const { posting: ann, endTurn } = posting();
  const server = connection();
  ann.attach(server);
  const most = MAX_PAYLOAD_BYTES - 39 - "AnnBob".length;
  const refused = async (recipient: string, text: string) =>
    (await assertRejects(() => ann.post(recipient, text), NetlabError)).code;
  void ann.post("Bob", "before");
  assertEquals(await refused("", "x"), ErrorCode.NameInvalid);
  assertEquals(await refused("a\0b", "x"), ErrorCode.NameInvalid);
  assertEquals(await refused("Bob", "x".repeat(most + 1)), ErrorCode.TextTooLong);
  assertEquals(await refused("Cid", "é".repeat(most / 2 + 1)), ErrorCode.TextTooLong);
  void ann.post("Bob", "x".repeat(most));
  void ann.post("Bob", "half \ud83e");
  endTurn();
  const texts = frames(server).flatMap(({ texts }) => texts);
  assertEquals(texts, ["before", "x".repeat(most), "half \ufffd"]);
});

pureTest("the end of a session rejects posts that wait for room, and all later ones", async () => {
  const { posting: ann } = posting();
  const post = ann.post("Bob", "hello");
  ann.end(new NetlabError(ErrorCode.Closed, "Cannot go on: closed"));
  for (const refused of [post, ann.post("Bob", "late")]) {
    assertEquals((await assertRejects(() => refused, NetlabError)).code, ErrorCode.Closed);
  }
  void ann.post("Bob", "not awaited");
  const server = connection();
  ann.attach(server);
  assertEquals(server.out.length, 0);
});

pureTest("flush writes all queued posts, however many", () => {
  const { posting: ann } = posting();
  const server = connection();
  for (let i = 0; i < 1_000; i++) void ann.post("Bob", "x".repeat(998));
  ann.attach(server);
  ann.flush();
  assertEquals(frames(server).flatMap(({ texts }) => texts).length, 1_000);
});

pureTest(
  "a session receives each message of a batch once, whether it came before in a batch or alone",
  () => {
    const { session, received } = start();
    const server = connection();
    const id = "0f1e2d3c-4b5a-8111-9222-3333fffffff0";
    const ids = idsFrom(id, 9);
    const batch = (first: number, ...texts: string[]) =>
      frameOf((out) =>
        writeBatch(out, { id: ids[first]!, sender: "Cid", recipient: "Bob", texts })
      );
    const single = (number: number) =>
      frameOf((out) =>
        writeMessage(
          out,
          { id: ids[number]!, sender: "Cid", recipient: "Bob", text: `${number}` },
          MessageKind.Ephemeral,
        )
      );
    for (
      const frame of [
        batch(0, "0", "1"),
        single(3),
        batch(0, "0", "1"),
        batch(5, "5", "6"),
        batch(1, "1", "2", "3", "4", "5", "6", "7"),
        single(7),
        single(8),
        batch(8, "8"),
      ]
    ) assert(session.received(frame, server));
    assertEquals(received.map(({ text }) => text), [..."013562478"]);
    for (const { id, text, sender, recipient } of received) {
      assertEquals([id, sender, recipient], [ids[Number(text)], "Cid", "Bob"]);
    }
    assertEquals(server.out.length, 0);
  },
);
