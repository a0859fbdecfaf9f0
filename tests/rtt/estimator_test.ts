import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { Estimator, MAX_MISSES, RECENT_ROUNDS } from "@netlab/rtt";
import { pureTest as test } from "../kinds.ts";

test("estimator without measurements has no times", () => {
  const { lowMs, lastMs, meanMs, p95Ms, jitterMs, loss, degraded } = new Estimator();
  assertEquals([lowMs, lastMs, meanMs, p95Ms], [undefined, undefined, undefined, undefined]);
  assertEquals([jitterMs, loss, degraded], [0, 0, false]);
});

test("estimator decides by the lowest of the last ten rounds", () => {
  fc.assert(fc.property(
    fc.array(fc.array(fc.double({ min: 0, max: 1e4, noNaN: true }), { minLength: 1 }), {
      minLength: 1,
      maxLength: 40,
    }),
    (rounds) => {
      const estimator = new Estimator();
      for (const times of rounds) estimator.add(times);
      assertEquals(estimator.lowMs, Math.min(...rounds.slice(-RECENT_ROUNDS).flat()));
      assertEquals(estimator.lastMs, Math.min(...rounds.at(-1)!));
    },
  ));
});

test("estimator starts its mean at the first time, and moves it by a fifth", () => {
  const estimator = new Estimator();
  estimator.add([100]);
  assertEquals(estimator.meanMs, 100);
  estimator.add([50]);
  assertEquals(estimator.meanMs, 90);
  estimator.clear();
  assertEquals(estimator.meanMs, undefined);
  estimator.add([10, 20]);
  assertEquals(estimator.meanMs, 12);
});

test("estimator forgets the times of a server that went away, and keeps its loss", () => {
  const estimator = new Estimator();
  estimator.add([10]);
  estimator.miss();
  estimator.clear();
  assertEquals([estimator.lowMs, estimator.lastMs, estimator.jitterMs], [undefined, undefined, 0]);
  estimator.add([30]);
  assertEquals(estimator.lowMs, 30);
  assertEquals(estimator.jitterMs, 0);
  assertEquals([estimator.loss, estimator.p95Ms], [1 / 3, 30]);
});

test("estimator computes the jitter of RFC 3550", () => {
  const estimator = new Estimator();
  estimator.add([10]);
  estimator.add([26]);
  assertEquals(estimator.jitterMs, 1);
  estimator.add([26]);
  assertEquals(estimator.jitterMs, 1 - 1 / 16);
});

test("estimator degrades a server after three misses in a row, until it answers", () => {
  const estimator = new Estimator();
  estimator.add([1]);
  for (let miss = 1; miss < MAX_MISSES; miss++) estimator.miss();
  assert(!estimator.degraded);
  estimator.add([1]);
  for (let miss = 1; miss < MAX_MISSES; miss++) estimator.miss();
  assert(!estimator.degraded);
  estimator.miss();
  assert(estimator.degraded);
  estimator.add([1]);
  assert(!estimator.degraded);
});

test("estimator counts a late answer as a loss, not as a miss", () => {
  const estimator = new Estimator();
  estimator.add([1]);
  for (let late = 0; late < 3; late++) estimator.late();
  assert(!estimator.degraded);
  assertEquals(estimator.loss, 0.75);
});

test("estimator counts only misses in a row, without a sign of life between them", () => {
  const estimator = new Estimator();
  for (let round = 0; round < 5; round++) {
    for (let miss = 1; miss < MAX_MISSES; miss++) estimator.miss();
    estimator.late();
    assert(!estimator.degraded);
  }
  assertEquals(estimator.loss, 1);
});

test("estimator computes percentile and loss from the last sixty probes", () => {
  const estimator = new Estimator();
  for (let ms = 1; ms <= 100; ms++) estimator.add([ms]);
  assertEquals(estimator.p95Ms, 97); // the 57th of 41 to 100
  for (let late = 0; late < 15; late++) estimator.late();
  assertEquals(estimator.loss, 0.25);
});
