/**
 * The table of ids against a `Map` with the same content.
 *
 * @module
 */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { MessageId } from "@netlab/protocol/codec";
import { pureTest } from "../../../../kinds.ts";
import { IdTable } from "../../../../../p2p/core/dedup/tables/id_table.ts";
import { between, seeded } from "@netlab/lab/random";

/** Ids that differ in one of their numbers only, so that many share a slot. */
function idOf(index: number): MessageId {
  const words = [7, -1, 1 << 31, 0];
  words[index % 4] = 1_000 + (index >> 2);
  const [id0, id1, id2, id3] = words as [number, number, number, number];
  return { id0, id1, id2, id3 };
}

function wordsOf({ id0, id1, id2, id3 }: MessageId): Int32Array {
  return Int32Array.of(9, id0, id1, id2, id3);
}

pureTest("id table finds the same as a map after any additions and deletions", () => {
  const random = seeded(3);
  for (const factors of [Int32Array.of(1, 2, 3, 4), Int32Array.of(-5, 1 << 30, 77, 0, 8)]) {
    const table = new IdTable<MessageId>(factors);
    const expected = new Map<number, MessageId>();
    for (let step = 0; step < 20_000; step++) {
      const index = between(random, 0, step < 10_000 ? 999 : 99);
      const known = expected.get(index);
      if (known) {
        table.delete(known);
        expected.delete(index);
      } else {
        const id = idOf(index);
        table.add(id);
        expected.set(index, id);
      }
      if (step % 100 === 0) table.check();
      const other = between(random, 0, 999);
      assertStrictEquals(table.get(idOf(other)), expected.get(other));
      assertStrictEquals(table.find(wordsOf(idOf(other)), 1), expected.get(other));
      assertStrictEquals(table.size, expected.size);
    }
    table.delete(idOf(1_000));
    assertEquals(table.size, expected.size, "an id that is not in the table is not deleted");
    for (const [index, id] of expected) assertEquals(table.find(wordsOf(idOf(index)), 1), id);
  }
});

pureTest("id table reports an entry that no search finds", () => {
  const table = new IdTable<{ -readonly [key in keyof MessageId]: number }>();
  const value = { ...idOf(1) };
  table.add(idOf(0));
  table.add(value);
  table.check();
  value.id3++;
  assertThrows(() => table.check(), Error, "hash of another key");
});
