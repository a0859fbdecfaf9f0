/**
 * The window of a stream against a set of numbers: it is exact as long as no number is missing for too long,
 * and then says which numbers it does not know.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { pureTest } from "../../../kinds.ts";
import { StreamWindow } from "../../../../p2p/core/dedup/stream_window.ts";
import fc from "fast-check";

const SPAN = 65_536;

pureTest("stream window knows each number that was seen, in any order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5_000), { maxLength: 400 }), fc.nat(), (numbers, from) => {
      const stream = new StreamWindow(1, 2);
      const seen = new Set<number>();
      for (const number of numbers) {
        const { floor } = stream;
        assertEquals(stream.add(number), !seen.has(number));
        seen.add(number);
        stream.check();
        assert(stream.floor >= floor, "the window moves forward only");
      }
      for (let number = 0; number < stream.floor; number++) assert(seen.has(number));
      assert(!seen.has(stream.floor));
      // Then all numbers that were left out are added.
      for (let number = 0; number <= 5_000; number++) stream.add(number);
      assertEquals(stream.add(from % 5_001), false);
      assertEquals(stream.add(5_001), true);
    }),
    { numRuns: 200 },
  );
});

pureTest(
  "stream window agrees with a set about every number, or reports that it does not know",
  () => {
    const jump = fc.oneof(fc.nat(3), fc.integer({ min: -500, max: 2_000 }), fc.nat(200_000));
    fc.assert(
      fc.property(fc.array(jump, { maxLength: 200 }), (jumps) => {
        const stream = new StreamWindow(1, 2);
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
          stream.check();
          assert(stream.floor > newest - SPAN && stream.floor <= newest + 1);
        }
      }),
      { numRuns: 300 },
    );
  },
);

pureTest(
  "stream window adds a range if none of its numbers was seen, and nothing otherwise",
  () => {
    const step = fc.record({
      by: fc.oneof(fc.nat(3), fc.integer({ min: -300, max: 300 }), fc.nat(100_000)),
      count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 4_096 })),
      single: fc.boolean(),
    });
    let taken = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        const [stream, beside] = [new StreamWindow(1, 2), new StreamWindow(1, 2)];
        let next = 0;
        let newest = 0;
        // Whether a number this far behind was seen may be known to one window only.
        const assertSame = (number: number, one: unknown, other: unknown) => {
          if ((one === undefined || other === undefined) && number <= newest - SPAN) return;
          assertEquals(one, other, `${number} of ${newest}`);
        };
        for (const { by, count, single } of steps) {
          const { floor } = stream;
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
          stream.check();
          assert(stream.floor >= floor, "the window moves forward only");
          // The result is the same as after adding the numbers one by one.
          for (let number = Math.max(0, first - 70_000); number < next + 100; number += 13) {
            assertSame(number, stream.includes(number), beside.includes(number));
          }
        }
      }),
      { numRuns: 100 },
    );
    assert(taken > 500, `only ${taken} ranges were taken in`);
  },
);

pureTest("stream window adds ranges up to the last number", () => {
  const stream = new StreamWindow(1, 2);
  assertEquals(stream.addRange(2 ** 32 - 4_096, 4_096), true);
  assertEquals(stream.addRange(2 ** 32 - 1, 1), false);
  assertEquals(stream.add(2 ** 32 - 4_096), false);
  assertEquals(stream.add(2 ** 32 - 4_097), true);
});

pureTest("stream window goes up to the last number", () => {
  const stream = new StreamWindow(1, 2);
  const last = 2 ** 32 - 1;
  for (const number of [last - 1, last]) {
    assertEquals(stream.add(number), true);
    assertEquals(stream.add(number), false);
  }
  assertEquals(stream.add(last - SPAN), undefined);
  assertEquals(stream.add(last - 2), true);
});
