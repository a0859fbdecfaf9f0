/**
 * The cache with two generations against a list of all entries, the newest last.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { pureTest } from "../../../../kinds.ts";
import { GenerationalCache } from "../../../../../p2p/core/dedup/tables/generational_cache.ts";
import fc from "fast-check";

pureTest("generational cache remembers the last entries, and at most twice as many", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(200), (maxSize, count) => {
      const cache = new GenerationalCache(() => new Set<number>(), maxSize);
      for (let number = 0; number < count; number++) {
        cache.withRoom().add(number);
        const remembered = [...cache.old, ...cache.young];
        const first = number + 1 - remembered.length;
        assertEquals(remembered, Array.from({ length: number + 1 - first }, (_, i) => first + i));
        assert(remembered.length >= Math.min(number + 1, maxSize));
        assert(remembered.length <= 2 * maxSize);
      }
    }),
  );
});

pureTest("generational cache forgets the old generation when it rotates", () => {
  const cache = new GenerationalCache(() => new Set<string>(), 10);
  cache.withRoom().add("first");
  cache.rotate();
  cache.withRoom().add("second");
  assertEquals([[...cache.old], [...cache.young]], [["first"], ["second"]]);
  cache.rotate();
  assertEquals([[...cache.old], [...cache.young]], [["second"], []]);
});
