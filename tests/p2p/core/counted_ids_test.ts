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
import { isSequenceId, readUuidWords } from "@netlab/protocol";
import fc from "fast-check";
import { seeded } from "@netlab/lab/random";

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
  name: "stream takes in a range of which nothing was seen, all of it, and no other",
  permissions: "none",
  fn() {
    const step = fc.record({
      by: fc.oneof(fc.nat(3), fc.integer({ min: -300, max: 300 }), fc.nat(100_000)),
      count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 4_096 })),
      single: fc.boolean(),
    });
    let taken = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        const [stream, beside] = [new Stream(1, 2), new Stream(1, 2)];
        let next = 0;
        let newest = 0;
        // What is as far behind as this may be known to the one and not to the other.
        const assertSame = (number: number, one: unknown, other: unknown) => {
          if ((one === undefined || other === undefined) && number <= newest - SPAN) return;
          assertEquals(one, other, `${number} of ${newest}`);
        };
        for (const { by, count, single } of steps) {
          const first = Math.max(0, next + by);
          const numbers = Array.from({ length: single ? 1 : count }, (_, i) => first + i);
          const isNew = numbers.every((number) => beside.includes(number) === false);
          newest = Math.max(newest, numbers.at(-1)!);
          if (single) assertSame(first, stream.add(first), beside.add(first));
          else {
            assertEquals(stream.addRange(first, count), isNew, `${count} from ${first}`);
            if (isNew) { for (const number of numbers) assertEquals(beside.add(number), true); }
            if (isNew && count > 1) taken++;
          }
          next = first + numbers.length;
          // What is known is the same as after adding them one by one.
          for (let number = Math.max(0, first - 70_000); number < next + 100; number += 13) {
            assertSame(number, stream.includes(number), beside.includes(number));
          }
        }
      }),
      { numRuns: 100 },
    );
    assert(taken > 500, `only ${taken} ranges were taken in`);
  },
});

Deno.test({
  name: "stream takes in ranges up to the last number",
  permissions: "none",
  fn() {
    const stream = new Stream(1, 2);
    assertEquals(stream.addRange(2 ** 32 - 4_096, 4_096), true);
    assertEquals(stream.addRange(2 ** 32 - 1, 1), false);
    assertEquals(stream.add(2 ** 32 - 4_096), false);
    assertEquals(stream.add(2 ** 32 - 4_097), true);
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
    // A session has two streams, and those of the one before it go on beside them, until more come.
    const later = [1, 2, 3].map((low) => streamOf(streams, "Ann", id(9, low, 1))!);
    assertEquals(new Set([ann, ...later]).size, 4);
    for (let times = 0; times < 2; times++) {
      assertStrictEquals(streamOf(streams, "Ann", id(7, 8, 3)), ann);
      for (const low of [1, 2, 3]) {
        assertStrictEquals(streamOf(streams, "Ann", id(9, low, 3)), later[low - 1]);
      }
    }
    const name = encoder.encode("Ann");
    assertStrictEquals(streams.getNamed(id(9, 1, 5), 0, name, 0, 3), later[0], "by its end");
    streamOf(streams, "Ann", id(1, 1, 1));
    assertStrictEquals(streamOf(streams, "Ann", id(9, 1, 4)), later[0]);
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
    assert(isSequenceId(id(0, 0, 0), 0));
    for (const version of [1, 4, 7, 9, 0]) {
      assert(!isSequenceId(Int32Array.of(0, version << 12, 1 << 31, 0), 0), `version ${version}`);
    }
    for (const variant of [0b00, 0b01, 0b11]) {
      assert(!isSequenceId(Int32Array.of(0, 0x8000, variant << 30, 0), 0), `variant ${variant}`);
    }
    assert(isSequenceId(Int32Array.of(9, 9, 9, 9, 0, 0x8000, 1 << 31, 0), 4));
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
      assert(readUuidWords(new DataView(text.buffer), 0, words));
      return words;
    });
    const [first] = words;
    const stream = new Stream(first![0]!, first![1]! >>> 16);
    for (const [number, id] of words.entries()) {
      assert(isSequenceId(id, 0) && stream.has(id, 0));
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
        const isOne = readUuidWords(view, 1, words) && isSequenceId(words, 0);
        assertEquals(numberInText(view, 1), isOne ? words[3]! >>> 0 : -1);
        if (isOne) counted++;
      }),
      { numRuns: 2_000 },
    );
    assert(counted > 500 && counted < 1_500, `${counted} of them`);
  },
});
