/**
 * How long ids are remembered, and how many.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { pureTest } from "../../../kinds.ts";
import { SeenIds } from "../../../../p2p/core/dedup/seen_ids.ts";

const MINUTE = 60_000;
/** As a clock that counts from 1970 would have it. */
const NOW = 1_800_000_000_000;

pureTest("seen ids are remembered for at least ten minutes, and not forever", () => {
  const seen = new SeenIds();
  seen.add("first", NOW);
  assert(seen.has("first"));
  assert(!seen.has("second"));
  for (let minute = 1; minute <= 10; minute++) {
    seen.add(`at ${minute}`, NOW + minute * MINUTE);
    assert(seen.has("first"), `after ${minute} minutes`);
  }
  seen.add("later", NOW + 20 * MINUTE);
  assert(!seen.has("first"));
  assert(seen.has("at 10"));
  assert(seen.has("later"));
});

pureTest("seen ids remember the last 50,000 and at most 100,000, however fast they arrive", () => {
  const seen = new SeenIds();
  let remembered = 0;
  for (let i = 0; i < 250_000; i++) {
    seen.add(`${i}`, NOW);
    if (i % 10_000 !== 9_999) continue;
    for (let back = 0; back < Math.min(i, 50_000); back += 997) assert(seen.has(`${i - back}`));
    remembered = 0;
    for (let id = 0; id <= i; id++) if (seen.has(`${id}`)) remembered++;
    assert(remembered <= 100_000, `${remembered} remembered`);
  }
  assertEquals(seen.has("0"), false);
});

pureTest("seen ids that are added again are remembered from then on", () => {
  const seen = new SeenIds();
  seen.add("x", NOW);
  seen.add("other", NOW + 11 * MINUTE);
  seen.add("x", NOW + 12 * MINUTE);
  seen.add("another", NOW + 22 * MINUTE);
  assert(seen.has("x"));
});

pureTest(
  "seen ids that filled their space just before ten minutes passed are not forgotten at once",
  () => {
    const seen = new SeenIds();
    seen.add("first", NOW);
    const soon = NOW + 10 * MINUTE - 2;
    for (let i = 0; i < 50_000; i++) seen.add(`${i}`, soon);
    seen.add("later", NOW + 10 * MINUTE);
    assert(seen.has("49000"));
  },
);
