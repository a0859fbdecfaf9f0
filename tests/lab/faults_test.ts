import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Decisions, type Faults } from "@netlab/lab/proxy";
import { seeded } from "@netlab/lab/random";

const permissions = "none";

function decisions(seed: number): Decisions {
  return new Decisions(seeded(seed, 0), seeded(seed, 1));
}

/** Returns where pieces end in a stream that is read in these sizes. */
function cuts(seed: number, reads: number[], faults: Faults): number[] {
  const chance = decisions(seed);
  const ends: number[] = [];
  let at = 0;
  for (const read of reads) {
    for (let left = read; left > 0;) {
      const piece = chance.pieceBytes(faults, left);
      left -= piece;
      ends.push(at += piece);
    }
  }
  return ends;
}

Deno.test("the same seed gives the same delays", { permissions }, () => {
  const faults = { latencyMs: 40, jitterMs: 8 };
  const delays = (seed: number) => {
    const chance = decisions(seed);
    return Array.from({ length: 1_000 }, () => chance.delayMs(faults));
  };
  assertEquals(delays(1), delays(1));
  assertNotEquals(delays(1), delays(2));
  assert(delays(1).every((delay) => delay >= 32 && delay <= 48));
  assert(Math.min(...delays(1)) < 33 && Math.max(...delays(1)) > 47);
  const mean = delays(1).reduce((sum, delay) => sum + delay) / 1_000;
  assert(Math.abs(mean - 40) < 0.5, `${mean}`);
});

Deno.test("delays do not depend on how many pieces there were", { permissions }, () => {
  const faults = { latencyMs: 10, jitterMs: 10, sliceBytes: 4 };
  const one = decisions(9);
  const other = decisions(9);
  for (let piece = 0; piece < 50; piece++) other.pieceBytes(faults, 100);
  assertEquals(one.delayMs(faults), other.delayMs(faults));
});

Deno.test(
  "the same seed cuts a stream at the same bytes, however it is read",
  { permissions },
  () => {
    const faults = { sliceBytes: 16 };
    const whole = cuts(4, [1_000], faults);
    assertEquals(cuts(4, [1_000], faults), whole);
    assertNotEquals(cuts(5, [1_000], faults), whole);
    const reads = [1, 7, 300, 2, 690];
    const inParts = cuts(4, reads, faults);
    assert(whole.every((end) => inParts.includes(end)), "a cut is missing");
    const sizes = whole.map((end, at) => end - (whole[at - 1] ?? 0));
    assert(sizes.every((size) => size >= 1 && size <= 16));
    assertEquals(new Set(sizes).size, 16, "all sizes occur");
  },
);

Deno.test("without faults nothing is random", { permissions }, () => {
  assertEquals(decisions(1).delayMs({}), 0);
  assertEquals(decisions(1).pieceBytes({}, 1_234), 1_234);
  assertEquals(decisions(1).delayMs({ latencyMs: 5, jitterMs: 0 }), 5);
});

Deno.test("neighbouring seeds and branches give different numbers", { permissions }, () => {
  const first = new Set<number>();
  for (let seed = 0; seed < 100; seed++) {
    for (let branch = 0; branch < 10; branch++) first.add(Math.floor(seeded(seed, branch)() * 1e9));
  }
  assert(first.size > 995, `${first.size} of 1000 differ`);
});
