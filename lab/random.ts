/**
 * Random numbers that can be repeated: the same seed gives the same numbers. The generator is that of
 * `pure-rand`.
 *
 * @module
 */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Returns the next random number, from 0 to below 1. */
export type Random = () => number;

/**
 * Creates a generator from a seed.
 *
 * @param seed Any integer. The same seed and branch give the same numbers.
 * @param branch Numbers that select an independent generator of the same seed, such as the number of a
 *   connection and a direction. How often one is used does not affect the others.
 */
export function seeded(seed: number, ...branch: number[]): Random {
  // Without mixed bits, neighbouring seeds would give similar generators (murmur3's finaliser).
  const mixed = branch.reduce((state, part) => mix(state ^ part), mix(seed));
  const generator = xoroshiro128plus(mixed);
  return () => uniformFloat64(generator);
}

/** Returns a seed that cannot be predicted: an integer from 0 to 999,999. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000;
}

/** Picks one of the items, which must not be empty. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

/** Returns an integer from `min` to `max`, both included. */
export function between(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}

/** Returns a real number from the first limit to below the second. */
export function inRange(random: Random, [min, max]: readonly [number, number]): number {
  return min + (max - min) * random();
}

/** Returns a UUID of version 4, as text. */
export function randomUuid(random: Random): string {
  const digits = (count: number) =>
    Array.from({ length: count }, () => Math.floor(random() * 16).toString(16)).join("");
  return `${digits(8)}-${digits(4)}-4${digits(3)}-a${digits(3)}-${digits(12)}`;
}

function mix(value: number): number {
  let bits = (value + 0x9e3779b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
