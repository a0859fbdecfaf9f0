/**
 * Streams of counted ids against a set of numbers: exact as long as nothing is left out for too long,
 * and then honest about what is not known; nobody gets into somebody else's stream.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  MessageIds,
  nameFactors,
  numberInText,
  Stream,
  STREAM_TEXT_BYTES,
  Streams,
} from "@netlab/p2p/core";
import { isCounted, readUuidWords } from "@netlab/protocol";
import fc from "fast-check";
import { seeded } from "../../../lab/random.ts";

const SPAN = 65_536;

Deno.test({
  name: "stream knows each number of a row for ever, however it is cut and mixed",
  permissions: "none",
  fn() {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { maxLength: 400 }), fc.nat(), (numbers, from) => {
        const stream = new Stream(1, 2);
        const seen = new Set<number>();
        for (const number of numbers) {
          assertEquals(stream.add(number), !seen.has(number));
          seen.add(number);
        }
        // A row without a gap takes in all that was left out.
        for (let number = 0; number <= 5_000; number++) stream.add(number);
        assertEquals(stream.add(from % 5_001), false);
        assertEquals(stream.add(5_001), true);
      }),
      { numRuns: 200 },
    );
  },
});

Deno.test({
  name: "stream says of every number what a set says, or that it does not know",
  permissions: "none",
  fn() {
    const jump = fc.oneof(fc.nat(3), fc.integer({ min: -500, max: 2_000 }), fc.nat(200_000));
    fc.assert(
      fc.property(fc.array(jump, { maxLength: 200 }), (jumps) => {
        const stream = new Stream(1, 2);
        const seen = new Set<number>();
        let newest = 0;
        let number = 0;
        for (const by of jumps) {
          number = Math.min(Math.max(number + by, 0), 2 ** 32 - 1);
          const is = stream.add(number);
          if (is === undefined) assert(number <= newest - SPAN, `${number} of ${newest}`);
          else assertEquals(is, !seen.has(number), `${number}`);
          if (is !== undefined) seen.add(number);
          newest = Math.max(newest, number);
        }
      }),
      { numRuns: 300 },
    );
  },
});

Deno.test({
  name: "stream goes up to the last number",
  permissions: "none",
  fn() {
    const stream = new Stream(1, 2);
    const last = 2 ** 32 - 1;
    for (const number of [last - 1, last]) {
      assertEquals(stream.add(number), true);
      assertEquals(stream.add(number), false);
    }
    assertEquals(stream.add(last - SPAN), undefined);
    assertEquals(stream.add(last - 2), true);
  },
});

const encoder = new TextEncoder();
const factors = nameFactors(seeded(1));
/** The words of an id of one stream. */
const id = (high: number, low: number, number: number) =>
  Int32Array.of(high, (low << 16) | 0x8abc, 0x8000_0000 | number, number);

function streamOf(streams: Streams, sender: string, words: Int32Array): Stream | undefined {
  const bytes = encoder.encode(`${sender}\0Bob\0text`);
  return streams.get(words, 0, bytes, 0, bytes.length);
}

Deno.test({
  name: "streams of one number belong to their senders alone",
  permissions: "none",
  fn() {
    const streams = new Streams(factors);
    const ann = streamOf(streams, "Ann", id(7, 8, 1))!;
    const mallory = streamOf(streams, "Mallory", id(7, 8, 1))!;
    assert(mallory !== ann);
    for (let number = 0; number < 100; number++) mallory.add(number);
    assertEquals(ann.add(5), true);
    assertStrictEquals(streamOf(streams, "Ann", id(7, 8, 2)), ann);
    // A session that moved goes on beside the one before it, until a third one comes.
    const next = streamOf(streams, "Ann", id(7, 9, 1));
    assert(next !== ann);
    assertStrictEquals(streamOf(streams, "Ann", id(7, 8, 3)), ann);
    assertStrictEquals(streamOf(streams, "Ann", id(7, 9, 3)), next);
    streamOf(streams, "Ann", id(1, 1, 1));
    assert(streamOf(streams, "Ann", id(7, 8, 4)) !== ann);
    assertEquals(streams.get(id(1, 1, 1), 0, encoder.encode("no end"), 0, 6), undefined);
  },
});

Deno.test({
  name: "streams of 10,000 senders are remembered, and those that are in use for longer",
  permissions: "none",
  fn() {
    const streams = new Streams(factors);
    const first = streamOf(streams, "user 0", id(1, 2, 3));
    const busy = streamOf(streams, "busy", id(4, 5, 6));
    for (let user = 1; user < 9_999; user++) streamOf(streams, `user ${user}`, id(1, 2, 3));
    assertStrictEquals(streamOf(streams, "user 0", id(1, 2, 3)), first);
    for (let user = 10_000; user < 40_000; user++) {
      streamOf(streams, `user ${user}`, id(1, 2, 3));
      if (user % 1_000 === 0) assertStrictEquals(streamOf(streams, "busy", id(4, 5, 6)), busy);
    }
    assert(streamOf(streams, "user 0", id(1, 2, 3)) !== first);
  },
});

Deno.test({
  name: "ids of version 8 and the usual variant count, no others",
  permissions: "none",
  fn() {
    assert(isCounted(id(0, 0, 0), 0));
    for (const version of [1, 4, 7, 9, 0]) {
      assert(!isCounted(Int32Array.of(0, version << 12, 1 << 31, 0), 0), `version ${version}`);
    }
    for (const variant of [0b00, 0b01, 0b11]) {
      assert(!isCounted(Int32Array.of(0, 0x8000, variant << 30, 0), 0), `variant ${variant}`);
    }
    assert(isCounted(Int32Array.of(9, 9, 9, 9, 0, 0x8000, 1 << 31, 0), 4));
  },
});

Deno.test({
  name: "ids of a session are of one stream, counted, and not to be foreseen",
  permissions: "none",
  fn() {
    const ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
    const words = Array.from({ length: 1_000 }, () => {
      const words = new Int32Array(4);
      const text = encoder.encode(ids.next());
      assert(readUuidWords(new DataView(text.buffer), 0, words, 0));
      return words;
    });
    const [first] = words;
    const stream = new Stream(first![0]!, first![1]! >>> 16);
    for (const [number, id] of words.entries()) {
      assert(isCounted(id, 0) && stream.has(id, 0));
      assertEquals(id[3], number);
    }
    assert(new Set(words.map((id) => `${id[1]} ${id[2]}`)).size > 990, "the rest is random");
    const other = new MessageIds((bytes) => crypto.getRandomValues(bytes)).next();
    assert(!other.startsWith((first![0]! >>> 0).toString(16).padStart(8, "0")), "other streams");
  },
});

Deno.test({
  name: "numberInText finds the number of what is a counted id, and of nothing else",
  permissions: "none",
  fn() {
    const ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
    const change = fc.record({
      at: fc.integer({ min: STREAM_TEXT_BYTES, max: 35 }),
      character: fc.constantFrom(..."09afAFgG-/:@`{ \0\x7f\x10\x80\xff"),
    });
    const words = new Int32Array(4);
    let counted = 0;
    fc.assert(
      fc.property(fc.array(change, { maxLength: 2 }), (changes) => {
        const text = encoder.encode(` ${ids.next()}`);
        for (const { at, character } of changes) text[at + 1] = character.charCodeAt(0);
        const view = new DataView(text.buffer);
        const isOne = readUuidWords(view, 1, words, 0) && isCounted(words, 0);
        assertEquals(numberInText(view, 1), isOne ? words[3]! >>> 0 : -1);
        if (isOne) counted++;
      }),
      { numRuns: 2_000 },
    );
    assert(counted > 500 && counted < 1_500, `${counted} of them`);
  },
});
