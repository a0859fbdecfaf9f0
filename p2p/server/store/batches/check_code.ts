/**
 * The check code by which stored data is known to be undamaged. SQLite has none for its pages.
 *
 * @module
 */

const FACTOR = 0x9e3779b1;
/** The product of both is 1, modulo 2^32. */
const INVERSE = 0x0e8b2f51;

/**
 * Computes the check code of the bytes from `from` to `to`: a signed integer of 32 bits. It changes whenever up to
 * four adjacent bytes change; any other damage is missed once in 2^32 times. It is no protection against intent.
 *
 * @param seed A 32-bit number that tells where the bytes belong.
 */
export function checkCode(view: DataView, from: number, to: number, seed: number): number {
  let a = Math.imul(seed ^ (to - from), 0x85ebca6b);
  let b = 1;
  let c = 2;
  let d = 3;
  let at = from;
  // Four codes at once, because a processor need not finish one multiplication before it begins another.
  for (; at + 16 <= to; at += 16) {
    a = Math.imul(a ^ view.getInt32(at), FACTOR);
    b = Math.imul(b ^ view.getInt32(at + 4), FACTOR);
    c = Math.imul(c ^ view.getInt32(at + 8), FACTOR);
    d = Math.imul(d ^ view.getInt32(at + 12), FACTOR);
    a ^= a >>> 15;
    b ^= b >>> 15;
    c ^= c >>> 15;
    d ^= d >>> 15;
  }
  for (; at + 4 <= to; at += 4) a = mix(a, view.getInt32(at));
  for (; at < to; at++) a = mix(a, view.getUint8(at));
  return mix(mix(mix(a, b), c), d);
}

/** Adds a number to a check code: its lower 32 bits. {@linkcode numberIn} computes them from the result. */
export function withNumber(code: number, number: number): number {
  return mix(code, number);
}

/**
 * Returns the number, from 0 to 2^32 - 1, that was added to a check code. If `sum` or what the code was computed from
 * is damaged, that is any number and hardly ever one near the right one.
 */
export function numberIn(sum: number, code: number): number {
  const product = sum ^ (sum >>> 15) ^ (sum >>> 30);
  return (Math.imul(product, INVERSE) ^ code) >>> 0;
}

function mix(code: number, word: number): number {
  const mixed = Math.imul(code ^ word, FACTOR);
  return mixed ^ (mixed >>> 15);
}
