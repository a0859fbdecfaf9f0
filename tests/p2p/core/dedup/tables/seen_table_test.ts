/**
 * The table of seen ids against a set: it finds what was added, grows, forgets the oldest ids first, and
 * confuses no ids.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { pureTest } from "../../../../kinds.ts";
import { SeenTable } from "../../../../../p2p/core/dedup/tables/seen_table.ts";
import fc from "fast-check";
import { seeded } from "@netlab/lab/random";

/** An id as random as those of version 4, always the same for one number. */
function idOf(number: number): Int32Array {
  const random = seeded(number);
  const words = Int32Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32) | 0);
  words[1] = (words[1]! & ~0xf000) | 0x4000;
  return words;
}

const anId = fc.oneof(
  fc.nat(200).map(idOf),
  // Ids that differ in a few bits only, as numbered ones do, and ids that are almost all zeros.
  fc.nat(20).map((number) => Int32Array.of(number, 0, 0, 0)),
  fc.nat(20).map((number) => Int32Array.of(0, 0, 0, number)),
  fc.nat(3).map((bit) => Int32Array.of(1 << (31 - bit), 0, 0, 1 << 31)),
);

pureTest("seen table agrees with a set about every id", () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(anId, { maxLength: 200 }), (seed, ids) => {
      const table = new SeenTable(seeded(seed));
      const set = new Set<string>();
      for (const id of ids) {
        assertEquals(table.has(id, 0), set.has(`${id}`));
        assertEquals(table.add(id, 0), !set.has(`${id}`));
        set.add(`${id}`);
        assert(table.has(id, 0));
      }
      // The same ids prepared together, 64 at a time.
      const together = new SeenTable(seeded(seed));
      const all = Int32Array.from(ids.flatMap((id) => [...id]));
      const isNew: boolean[] = [];
      for (let from = 0; from < ids.length; from += 64) {
        const count = Math.min(64, ids.length - from);
        together.prepare(all, 4 * from, count);
        for (let first = 0; first < count;) {
          const known = together.addPrepared(first, count);
          while (isNew.length < from + known) isNew.push(true);
          if (known < count) isNew.push(false);
          first = known + 1;
        }
      }
      set.clear();
      assertEquals(isNew, ids.map((id) => !set.has(`${id}`) && !!set.add(`${id}`)));
    }),
    { numRuns: 300 },
  );
});

pureTest("seen table adds ids that were prepared together, with duplicates among them", () => {
  const table = new SeenTable(seeded(3));
  const ids = [1, 2, 1, 3, 2].map(idOf);
  table.prepare(Int32Array.from(ids.flatMap((id) => [...id])), 0, ids.length);
  // The indexes of the ids that are not new.
  const stops = [];
  for (let first = 0; first < ids.length; first = stops.at(-1)! + 1) {
    stops.push(table.addPrepared(first, ids.length));
  }
  assertEquals(stops, [2, 4]);
  for (const id of ids) assert(table.has(id, 0));
});

pureTest("seen table grows without forgetting or confusing ids", () => {
  const table = new SeenTable(seeded(5));
  const count = 200_000;
  for (let i = 0; i < count; i++) if (!table.add(idOf(i), 0)) throw new Error(`${i} is new`);
  let forgotten = 0;
  for (let i = 0; i < count; i++) if (!table.has(idOf(i), 0)) forgotten++;
  // By chance, a set may be full although the table is not.
  assert(forgotten < count / 1_000, `${forgotten} of ${count} forgotten`);
  for (let i = count; i < 2 * count; i++) {
    if (table.has(idOf(i), 0)) throw new Error(`${i} was never there`);
  }
});

pureTest("seen table forgets the oldest id of a set first", () => {
  // With these factors, small ids have small hashes: all are in the first set.
  const table = new SeenTable(() => 0);
  const ids = Array.from({ length: 12 }, (_, i) => Int32Array.of(1, 1, 1, i + 1));
  for (const id of ids) assert(table.add(id, 0));
  assertEquals(ids.map((id) => table.has(id, 0)), ids.map((_, i) => i >= 4));
  assert(table.add(ids[0]!, 0));
  assertEquals(ids.map((id) => table.has(id, 0)), ids.map((_, i) => i === 0 || i >= 5));
});
