/**
 * The table of names against a `Map` with the same content.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { pureTest } from "../../../../kinds.ts";
import { nameFactors, NameTable } from "../../../../../p2p/core/dedup/tables/name_table.ts";
import fc from "fast-check";
import { seeded } from "@netlab/lab/random";

const encoder = new TextEncoder();

/** The value of a name in a message. */
function find<Value>(table: NameTable<Value>, name: string): Value | undefined {
  const bytes = encoder.encode(`before\0${name}\0behind`);
  const start = 7;
  const value = table.findBeforeNul(bytes, start, bytes.length);
  assertEquals(table.nul, start + encoder.encode(name).length);
  return value;
}

const aName = fc.oneof(
  fc.nat(40).map((number) => `user ${number}`),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) =>
    !text.includes("\0")
  ),
);
const aStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ what: fc.constant("set" as const), name: aName }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("delete" as const), name: aName }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("clear" as const), name: fc.constant("") }),
  },
);

/** Applies the steps to a table and to a map, and compares the values of every name. */
function compare(random: () => number, steps: { what: string; name: string }[]): void {
  const table = new NameTable<number>(nameFactors(random));
  const map = new Map<string, number>();
  for (const [number, { what, name }] of steps.entries()) {
    if (what === "set") {
      table.set(encoder.encode(name), number);
      map.set(name, number);
    } else if (what === "delete") {
      table.delete(encoder.encode(name));
      map.delete(name);
    } else {
      table.clear();
      map.clear();
    }
    assertEquals(table.size, map.size);
    table.check();
  }
  for (const { name } of steps) {
    if (name === "") continue;
    assertEquals(find(table, name), map.get(name));
    assertEquals(table.get(encoder.encode(name)), map.get(name));
  }
}

pureTest("name table finds the same as a map after any changes and deletions", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(aStep, { maxLength: 300 }),
      (seed, steps) => compare(seeded(seed), steps),
    ),
    { numRuns: 300 },
  );
});

pureTest("name table finds the same as a map when all names have one hash", () => {
  fc.assert(fc.property(fc.array(aStep, { maxLength: 100 }), (steps) => compare(() => 0, steps)));
});

pureTest(
  "name table finds the same as a map when hashes fall on few slots at the end of the table",
  () => {
    // Each position has the largest factor, so names of one character have neighbouring home slots.
    const random = () => 0.999_999_999;
    const character = fc.constantFrom(..."abcdefghijklmnop");
    const step = fc.record({ what: fc.constantFrom("set", "delete"), name: character });
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => compare(random, steps)));
  },
);

pureTest("name table holds 50,000 names, and none when all are deleted", () => {
  const table = new NameTable<number>(nameFactors(seeded(7)));
  const names = Array.from({ length: 50_000 }, (_, i) => encoder.encode(`user-${i}`));
  for (const [i, name] of names.entries()) table.set(name, i);
  assertEquals(table.size, names.length);
  assertEquals(names.every((name, i) => table.get(name) === i), true);
  table.check();
  for (const name of names) table.delete(name);
  table.check();
  assertEquals(table.size, 0);
  assertEquals(names.some((name) => table.get(name) !== undefined), false);
});

pureTest("name table compares one name only, and 255 bytes of it", () => {
  const table = new NameTable<string>(nameFactors(seeded(1)));
  const long = "x".repeat(255);
  table.set(encoder.encode(long), "long");
  table.set(encoder.encode("Bob"), "Bob");
  assertEquals(find(table, long), "long");
  assertEquals(find(table, "Bob"), "Bob");
  assertEquals(find(table, "Bo"), undefined);
  assertEquals(find(table, "Bobb"), undefined);
  // No NUL, a NUL that comes too late, and one behind the end.
  for (const text of ["Bob", `${long}x\0`]) {
    const bytes = encoder.encode(text);
    assertEquals(table.findBeforeNul(bytes, 0, bytes.length), undefined);
    assertEquals(table.nul, -1);
  }
  assertEquals(table.findBeforeNul(encoder.encode("Bob\0"), 0, 3), undefined);
  assertEquals(table.nul, -1);
});
