/**
 * Batches compared with the single messages that they replace: limits, ids, and malformed batches.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as p from "@netlab/protocol";
import fc from "fast-check";
import { anyName, batch } from "./arbitraries.ts";
import { framesIn } from "./layouts.ts";

const FIRST = "0f1e2d3c-4b5a-8111-9222-33330000000a";
const LONGEST_NAME = "x".repeat(p.MAX_NAME_BYTES);
const encoder = new TextEncoder();

/** The id of the message `index` places after the first one. */
function idAt(first: string, index: number): string {
  const number = Number.parseInt(first.slice(-8), 16) + index;
  return first.slice(0, -8) + number.toString(16).padStart(8, "0");
}

/** The payload of a batch, valid or not. */
function payloadOf(
  { id = FIRST, sender = "Alice", recipient = "Bob", count = undefined as number | undefined },
  lengths: number[],
  texts: Uint8Array = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0)).fill(0x78),
): Uint8Array {
  const out = new p.FrameWriter();
  out.begin(p.FrameType.Message, p.MessageKind.Batch);
  out.uuid(id);
  out.shortText(sender);
  out.shortText(recipient);
  out.u16(count ?? lengths.length);
  for (const length of lengths) out.u16(length);
  out.bytes(texts);
  out.end();
  return out.take().subarray(p.HEADER_BYTES);
}

Deno.test({
  name: "a split batch equals its messages as single frames with its hop count",
  permissions: "none",
  fn() {
    fc.assert(
      fc.property(batch, fc.nat(40), fc.nat(20), (batch, hops, before) => {
        const out = new p.FrameWriter();
        assertStrictEquals(p.writeBatch(out, batch), batch.texts.length);
        const payload = out.take().subarray(p.HEADER_BYTES);
        // Between bytes that would change the result if they were read.
        const bytes = new Uint8Array(payload.length + before + 9).fill(0xff);
        bytes.set(payload, before);
        const fields = new p.BatchFields().read(bytes, before, before + payload.length);
        p.splitBatch(fields, out, hops);
        const singles = framesIn(out.take());
        assertEquals(
          singles.map(({ type, subtype, reserved, payload }) => ({
            ...{ type, subtype, reserved },
            ...p.readMessage(payload),
          })),
          batch.texts.map((text, index) => ({
            ...{ type: p.FrameType.Message, subtype: p.MessageKind.Ephemeral, reserved: hops },
            ...{ id: idAt(batch.id, index), sender: batch.sender },
            ...{ recipient: batch.recipient, text: text.toWellFormed() },
          })),
        );
      }),
    );
  },
});

Deno.test({
  name: "batch writer writes as many texts as fit into a frame, and all of them in several",
  permissions: "none",
  fn() {
    const lengths = fc.array(fc.oneof(fc.nat(40), fc.nat(30_000)), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(lengths, anyName, fc.constantFrom("x", "é", "€"), (lengths, name, letter) => {
        let texts = lengths.map((length, i) => (i % 5 === 0 ? letter : "x").repeat(length));
        const most = p.maxTextBytes(name, name);
        texts = texts.filter((text) => encoder.encode(text).length <= most);
        const got: string[] = [];
        while (got.length < texts.length) {
          const out = new p.FrameWriter();
          const left = texts.slice(got.length);
          const taken = p.writeBatch(out, {
            id: FIRST,
            sender: name,
            recipient: name,
            texts: left,
          });
          const [frame] = framesIn(out.take());
          const read = p.readBatch(frame!.payload).texts;
          assertStrictEquals(read.length, taken);
          assert(taken > 0);
          const next = left[taken];
          if (next !== undefined) {
            assert(frame!.payload.length + 2 + encoder.encode(next).length > p.MAX_PAYLOAD_BYTES);
          }
          got.push(...read);
        }
        assertEquals(got, texts);
      }),
      { numRuns: 50 },
    );
  },
});

Deno.test({
  name: "batch writer accepts the longest text and refuses one byte more, naming the limit",
  permissions: "none",
  fn() {
    for (const name of ["Zoë", LONGEST_NAME]) {
      const write = (...texts: string[]) => {
        const out = new p.FrameWriter();
        const taken = p.writeBatch(out, { id: FIRST, sender: name, recipient: name, texts });
        return { taken, bytes: out.length };
      };
      const most = p.maxTextBytes(name, name);
      assertStrictEquals(write("y".repeat(most)).taken, 1);
      // After a short text there is room for more than a single message can hold.
      assertStrictEquals(write("", "y".repeat(most + 1)).taken, 1);
      assertStrictEquals(write("", "y".repeat(most - 1) + "é").taken, 1);
      for (const text of ["y".repeat(most + 1), "y".repeat(most - 1) + "é", "€".repeat(100_000)]) {
        const error = assertThrows(() => write(text), p.NetlabError);
        assertStrictEquals(error.code, p.ErrorCode.TextTooLong);
        const bytes = encoder.encode(text).length;
        assertEquals(error.message.match(/[0-9]+/g), [String(bytes), String(most)]);
      }
    }
    const many = Array.from({ length: p.MAX_BATCH_MESSAGES + 1 }, () => "");
    const out = new p.FrameWriter();
    const of = { id: FIRST, sender: "A", recipient: "B" };
    assertStrictEquals(p.writeBatch(out, { ...of, texts: many }), p.MAX_BATCH_MESSAGES);
  },
});

Deno.test({
  name: "batch writer refuses invalid names, ids and numbers, and writes nothing then",
  permissions: "none",
  fn() {
    const out = new p.FrameWriter();
    const good = { id: FIRST, sender: "Alice", recipient: "Bob", texts: ["a", "b"] };
    for (const bad of [{ sender: "" }, { recipient: "a\0b" }, { sender: "x".repeat(256) }]) {
      const error = assertThrows(() => p.writeBatch(out, { ...good, ...bad }), p.NetlabError);
      assertStrictEquals(error.code, p.ErrorCode.NameInvalid);
    }
    for (
      const bad of [
        { texts: [] },
        { id: crypto.randomUUID() },
        { id: FIRST.slice(0, -8) + "ffffffff" },
      ]
    ) assertThrows(() => p.writeBatch(out, { ...good, ...bad }), TypeError);
    assertStrictEquals(out.length, 0);
    // The last two numbers of a stream.
    assertStrictEquals(p.writeBatch(out, { ...good, id: FIRST.slice(0, -8) + "fffffffe" }), 2);
  },
});

Deno.test({
  name: "batch reader visits each message with its id, in text and in numbers",
  permissions: "none",
  fn() {
    const out = new p.FrameWriter();
    for (const first of [FIRST, FIRST.slice(0, -8) + "0001fffe", FIRST.slice(0, -8) + "fffffffc"]) {
      p.writeBatch(out, {
        id: first,
        sender: "Zoë",
        recipient: "Bob",
        texts: ["a", "", "c", "d"],
      });
      const [frame] = framesIn(out.take());
      const seen: string[] = [];
      new p.BatchReader().read(frame!).forEach(({ id, sender, recipient, text }, words) => {
        assertStrictEquals(id, p.readUuidOf(words));
        assertEquals([sender, recipient], ["Zoë", "Bob"]);
        seen.push(`${id} ${text}`);
      });
      assertEquals(seen, ["a", "", "c", "d"].map((text, i) => `${idAt(first, i)} ${text}`));
    }
  },
});

Deno.test({
  name: "batch writer does not join halves of a character in adjacent texts",
  permissions: "none",
  fn() {
    const out = new p.FrameWriter();
    const texts = ["a\ud83e", "\udd8ab"];
    p.writeBatch(out, { id: FIRST, sender: "A", recipient: "B", texts });
    const [frame] = framesIn(out.take());
    assertEquals(p.readBatch(frame!.payload).texts, ["a\ufffd", "\ufffdb"]);
  },
});

Deno.test({
  name: "batch reader refuses a batch that breaks a rule, and the error names the rule",
  permissions: "none",
  fn() {
    const long = p.maxTextBytes("Alice", "Bob") + 1;
    const fox = encoder.encode("🦊");
    const cases: [Uint8Array, RegExp][] = [
      [payloadOf({}, []), /0 messages/],
      [payloadOf({ count: 0 }, [3]), /0 messages/],
      [payloadOf({}, new Array(p.MAX_BATCH_MESSAGES + 1).fill(1)), /4097 messages/],
      [payloadOf({}, [2, 2], new Uint8Array(5)), /length/],
      [payloadOf({}, [2, 2], new Uint8Array(3)), /length/],
      [payloadOf({ count: 3 }, [2, 2]), /length/],
      [payloadOf({ count: 4 }, [1]), /middle of a field/],
      [payloadOf({}, [1]).subarray(0, 20), /too short/],
      [payloadOf({}, [1, 1]).subarray(0, 26), /middle of a field/],
      [payloadOf({ id: crypto.randomUUID() }, [1]), /sequence id/],
      [payloadOf({ id: FIRST.slice(0, -8) + "ffffffff" }, [1, 1]), /numbers/],
      [payloadOf({ sender: "Al\0ce" }, [1]), /NUL/],
      [payloadOf({ recipient: "B\0b" }, [1]), /NUL/],
      [payloadOf({}, [long]), /message of its own/],
      [payloadOf({}, [0, long]), /message of its own/],
      // The texts together are UTF-8.
      [payloadOf({}, [2, 2], fox), /UTF-8/],
      [payloadOf({}, [3], Uint8Array.of(0x78, 0xc3, 0x28)), /UTF-8/],
    ];
    for (const [payload, why] of cases) {
      const error = assertThrows(() => p.readBatch(payload), p.ProtocolError);
      assertStrictEquals(error.code, p.ErrorCode.Malformed);
      assert(why.test(error.message), error.message);
    }
    for (const names of [{ sender: "" }, { recipient: " Bob" }]) {
      const error = assertThrows(() => p.readBatch(payloadOf(names, [1])), p.ProtocolError);
      assertStrictEquals(error.code, p.ErrorCode.NameInvalid);
    }
    for (const lengths of [[0], [long - 1], [0, 0, 0], new Array(p.MAX_BATCH_MESSAGES).fill(1)]) {
      assertStrictEquals(p.readBatch(payloadOf({}, lengths)).texts.length, lengths.length);
    }
  },
});
