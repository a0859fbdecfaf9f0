/**
 * Sequence ids: which ids are such, how a session makes them, and how their numbers are read from text.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { MessageIds } from "@netlab/p2p/core";
import { pureTest } from "../../../kinds.ts";
import { readSequenceNumber, STREAM_TEXT_BYTES } from "../../../../p2p/core/dedup/sequence_ids.ts";
import { StreamWindow } from "../../../../p2p/core/dedup/stream_window.ts";
import { isSequenceId, readUuidWords } from "@netlab/protocol";
import fc from "fast-check";

const encoder = new TextEncoder();
/** The words of an id of one stream. */
const id = (high: number, low: number, number: number) =>
  Int32Array.of(high, (low << 16) | 0x8abc, 0x8000_0000 | number, number);

pureTest("ids of version 8 and the usual variant are sequence ids, no others", () => {
  assert(isSequenceId(id(0, 0, 0), 0));
  for (const version of [1, 4, 7, 9, 0]) {
    assert(!isSequenceId(Int32Array.of(0, version << 12, 1 << 31, 0), 0), `version ${version}`);
  }
  for (const variant of [0b00, 0b01, 0b11]) {
    assert(!isSequenceId(Int32Array.of(0, 0x8000, variant << 30, 0), 0), `variant ${variant}`);
  }
  assert(isSequenceId(Int32Array.of(9, 9, 9, 9, 0, 0x8000, 1 << 31, 0), 4));
});

pureTest("ids of a session belong to one stream, are numbered, and cannot be predicted", () => {
  const ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
  const words = Array.from({ length: 1_000 }, () => {
    const words = new Int32Array(4);
    const text = encoder.encode(ids.next());
    assert(readUuidWords(new DataView(text.buffer), 0, words));
    return words;
  });
  const [first] = words;
  const stream = new StreamWindow(first![0]!, first![1]! >>> 16);
  for (const [number, id] of words.entries()) {
    assert(isSequenceId(id, 0) && stream.has(id, 0));
    assertEquals(id[3], number);
  }
  assert(new Set(words.map((id) => `${id[1]} ${id[2]}`)).size > 990, "the rest is random");
  const other = new MessageIds((bytes) => crypto.getRandomValues(bytes)).next();
  assert(!other.startsWith((first![0]! >>> 0).toString(16).padStart(8, "0")), "other streams");
});

pureTest(
  "readSequenceNumber finds the number of a sequence id, and rejects everything else",
  () => {
    const ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
    const change = fc.record({
      at: fc.integer({ min: STREAM_TEXT_BYTES, max: 35 }),
      character: fc.constantFrom(..."09afAFgG-/:@`{ \0\x7f\x10\x80\xff"),
    });
    const words = new Int32Array(4);
    let valid = 0;
    fc.assert(
      fc.property(fc.array(change, { maxLength: 2 }), (changes) => {
        const text = encoder.encode(` ${ids.next()}`);
        for (const { at, character } of changes) text[at + 1] = character.charCodeAt(0);
        const view = new DataView(text.buffer);
        const isOne = readUuidWords(view, 1, words) && isSequenceId(words, 0);
        assertEquals(readSequenceNumber(view, 1), isOne ? words[3]! >>> 0 : -1);
        if (isOne) valid++;
      }),
      { numRuns: 2_000 },
    );
    assert(valid > 500 && valid < 1_500, `${valid} sequence ids`);
  },
);
