/**
 * Chance that can be repeated: numbers from a seed. Owns how seeds become generators; the numbers
 * themselves come from `pure-rand`.
 *
 * @module
 */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Gives the next number, from 0 to below 1. */
export type Random = () => number;

/**
 * Numbers from 0 to below 1, the same ones for the same seed. Further numbers (the number of a
 * connection, a direction) branch off generators that do not depend on how often the others are used.
 */
export function seeded(seed: number, ...branch: number[]): Random {
  // Neighbouring seeds give unlike generators only when their bits are mixed (murmur3's finaliser).
  const mixed = branch.reduce((state, part) => mix(state ^ part), mix(seed));
  const generator = xoroshiro128plus(mixed);
  return () => uniformFloat64(generator);
}

/** A seed for who gave none. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000;
}

/** One of several. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

function mix(value: number): number {
  let bits = (value + 0x9e3779b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** A number from `min` to `max`, both included. */
export function between(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}

/** A UUID of version 4. */
export function randomUuid(random: Random): string {
  const digits = (count: number) =>
    Array.from({ length: count }, () => Math.floor(random() * 16).toString(16)).join("");
  return `${digits(8)}-${digits(4)}-4${digits(3)}-a${digits(3)}-${digits(12)}`;
}
