/**
 * The table and the queue of offsets, against a `Map` and a list with the same content.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { MessageId } from "@netlab/protocol/codec";
import { pureTest } from "../../../../kinds.ts";
import { OffsetTable } from "../../../../../p2p/core/dedup/tables/offset_table.ts";
import { OffsetRuns } from "../../../../../p2p/core/mailbox/offset_runs.ts";
import { between, seeded } from "@netlab/lab/random";

const FACTORS = Int32Array.of(-5, 1 << 30, 77, 0, 8, 1_000_003, -1, 2);
/** Offsets above 2^32 and 2^44 as well, as a store may have them after some years. */
const FIRST_OFFSET = 2 ** 44 - 500;

/** Ids that differ in one of their numbers only. */
function wordsOf(index: number): Int32Array {
  const words = Int32Array.of(7, -1, 1 << 31, 0);
  words[index % 4] = 1_000 + (index >> 2);
  return words;
}

function idOf(index: number): MessageId {
  const [id0, id1, id2, id3] = wordsOf(index) as unknown as [number, number, number, number];
  return { id0, id1, id2, id3 };
}

pureTest("offset table finds the same as a map after any additions and deletions", () => {
  const random = seeded(3);
  const table = new OffsetTable(FACTORS);
  const expected = new Map<number, number>();
  let offset = FIRST_OFFSET;
  // Up to tens of thousands, and down again to a few: parts grow and shrink.
  for (const most of [40_000, 60, 9_000]) {
    for (let step = 0; step < 3 * most; step++) {
      const index = between(random, 0, most - 1);
      const known = expected.get(index);
      if (known === undefined) {
        table.add(idOf(index), ++offset);
        expected.set(index, offset);
      } else if (random() < 0.5) {
        assert(!table.delete(idOf(index), known + 1), "it has another offset");
        assert(table.delete(idOf(index), known));
        expected.delete(index);
      }
      const other = between(random, 0, 2 * most);
      assertStrictEquals(table.find(wordsOf(other)), expected.get(other) ?? 0);
      assertStrictEquals(table.size, expected.size);
    }
    table.check();
    for (const [index, at] of expected) assertStrictEquals(table.find(wordsOf(index)), at);
    for (const [index, at] of expected) if (index >= 30) table.delete(idOf(index), at);
    for (const index of [...expected.keys()]) if (index >= 30) expected.delete(index);
    assertStrictEquals(table.size, expected.size);
    table.check();
  }
});

pureTest("offset table stores several offsets of one id, and deletes a range of offsets", () => {
  const table = new OffsetTable(FACTORS);
  for (let index = 0; index < 1_000; index++) table.add(idOf(index), FIRST_OFFSET + index);
  table.add(idOf(400), FIRST_OFFSET + 2_000);
  assertEquals(table.deleteRange(FIRST_OFFSET + 300, 200), 200);
  assertEquals(table.size, 801);
  table.check();
  for (let index = 0; index < 1_000; index++) {
    const offset = index < 300 || index >= 500 ? FIRST_OFFSET + index : 0;
    assertStrictEquals(table.find(wordsOf(index)), index === 400 ? FIRST_OFFSET + 2_000 : offset);
  }
  assertEquals(table.deleteRange(FIRST_OFFSET + 300, 200), 0);
});

pureTest("offset runs return offsets in order, and all consecutive ones at once", () => {
  const random = seeded(8);
  let runs = new OffsetRuns();
  const expected: number[] = [];
  let next = FIRST_OFFSET;
  for (let step = 0; step < 5_000; step++) {
    const kind = random();
    if (kind < 0.6) {
      next += random() < 0.8 ? 1 : between(random, 2, 9);
      runs.push(next);
      expected.push(next);
    } else if (kind < 0.62) {
      // Messages that wait again come before all others.
      const front = new OffsetRuns();
      const offsets = Array.from(
        { length: 20 },
        (_, index) => step * 100 + index * (1 + index % 3),
      );
      for (const offset of offsets) front.push(offset);
      front.append(runs);
      runs = front;
      expected.unshift(...offsets);
    } else if (expected.length > 0) {
      const { first, count } = runs.take(between(random, 1, 6));
      const taken = expected.splice(0, count);
      assertEquals(taken, Array.from({ length: count }, (_, index) => first + index));
    }
  }
  while (expected.length > 0) {
    const { first, count } = runs.take(1_000);
    assertEquals(expected.splice(0, count).at(-1), first + count - 1);
    assert(expected[0] !== first + count || count === 1_000, "a whole run");
  }
});
