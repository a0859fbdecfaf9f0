/**
 * Ids for messages that are sent again and again, written straight into the bytes: random ones, as
 * anybody may make them, and counted ones, as netlab's sessions make them. Owns how they look.
 *
 * @module
 */

/** Writes UUIDs in text over others, 36 bytes each; no two of one writer are the same. */
export interface IdWriter {
  /** Writes `count` of them: the first at `at`, each other one `step` bytes behind the one before it. */
  write(view: DataView, at: number, step: number, count: number): void;
}

/** The two hex digits of each byte, as they stand in memory on a little-endian read. */
const DIGITS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const [high, low] = byte.toString(16).padStart(2, "0");
  return high!.charCodeAt(0) | (low!.charCodeAt(0) << 8);
});

/** UUIDs of version 4 (RFC 9562), with all of their random bits new. */
export class RandomIds implements IdWriter {
  readonly #random = new Random();

  write(view: DataView, at: number, step: number, count: number): void {
    const random = this.#random.next(4 * count);
    for (let i = 0; i < 4 * count; i += 4, at += step) {
      writeId(view, at, random[i]!, random[i + 1]!, 4, random[i + 2]!, random[i + 3]!);
    }
  }
}

/**
 * UUIDs of version 8: 48 random bits that all of them share, 42 that no two next to each other do, and a
 * number in the last 32. Where one of them stands already, only the number is written, since a session
 * is faster than a generator that makes all of its ids anew.
 */
export class CountedIds implements IdWriter {
  readonly #random = new Random();
  readonly #stream = this.#random.next(2).slice();
  /** The first four digits, by which it knows its own. */
  readonly #begin = digits(this.#stream[0]!);
  #number = 0;

  write(view: DataView, at: number, step: number, count: number): void {
    for (let left = count; left > 0; left--, at += step) {
      if (view.getInt32(at, true) !== this.#begin || view.getUint8(at + VERSION_AT) !== DIGIT_8) {
        const [high, low] = this.#stream;
        const [more, last] = this.#random.next(2);
        writeId(view, at, high!, (low! & 0xffff) | (more! & 0xffff_0000), 8, last!, 0);
      }
      const number = swap(this.#number++);
      word(view, at + 28, number);
      word(view, at + 32, number >>> 16);
    }
  }
}

/** The same as 16 bytes, for batches: the digits behind the stream are new for each. */
export class BatchIds {
  readonly #random = new Random();
  readonly #stream = this.#random.next(2).slice();
  #number = 0;

  /** Writes the id of the first of `count` messages at `at`. */
  write(view: DataView, at: number, count: number): void {
    const [high, low] = this.#stream;
    const [more, last] = this.#random.next(2);
    view.setInt32(at, high!);
    view.setInt32(at + 4, (low! & 0xffff_0000) | 0x8000 | (more! & 0xfff));
    view.setInt32(at + 8, 0x8000_0000 | (last! >>> 2));
    view.setInt32(at + 12, this.#number);
    this.#number += count;
  }
}

/** xorshift128: a period of 2^128 - 1. */
class Random {
  readonly #state = crypto.getRandomValues(new Int32Array(4));
  #numbers = new Int32Array(4);

  /** So many numbers of 32 bits at least; valid until the next are asked for. */
  next(count: number): Int32Array {
    while (this.#numbers.length < count) this.#numbers = new Int32Array(2 * this.#numbers.length);
    const numbers = this.#numbers;
    const state = this.#state;
    let a = state[0]!;
    let b = state[1]!;
    let c = state[2]!;
    let d = state[3]!;
    // Four steps in a row, behind which each part of the state is where it was.
    for (let i = 0; i < count; i += 4) {
      d ^= d << 11;
      numbers[i] = d ^= (d >>> 8) ^ a ^ (a >>> 19);
      c ^= c << 11;
      numbers[i + 1] = c ^= (c >>> 8) ^ d ^ (d >>> 19);
      b ^= b << 11;
      numbers[i + 2] = b ^= (b >>> 8) ^ c ^ (c >>> 19);
      a ^= a << 11;
      numbers[i + 3] = a ^= (a >>> 8) ^ b ^ (b >>> 19);
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
    return numbers;
  }
}

const DIGIT_8 = 0x38;
const VERSION_AT = 14;

/**
 * The digits of a UUID of 16 bytes, the lowest byte of `first` first, but for version and variant
 * (RFC 9562).
 */
function writeId(
  view: DataView,
  at: number,
  first: number,
  second: number,
  version: number,
  third: number,
  fourth: number,
): void {
  word(view, at, first);
  word(view, at + 4, first >>> 16);
  word(view, at + 9, second);
  word(view, at + 14, ((second >>> 16) & 0xff0f) | (version << 4));
  word(view, at + 19, (third & 0xff3f) | 0x0080);
  word(view, at + 24, third >>> 16);
  word(view, at + 28, fourth);
  word(view, at + 32, fourth >>> 16);
}

/** The four bytes the other way round. */
function swap(value: number): number {
  return (value >>> 24) | ((value >>> 8) & 0xff00) | ((value & 0xff00) << 8) | (value << 24);
}

/** Four hex digits: the low byte of `value` first. */
function word(view: DataView, at: number, value: number): void {
  view.setInt32(at, digits(value), true);
}

function digits(value: number): number {
  return DIGITS[value & 0xff]! | (DIGITS[(value >>> 8) & 0xff]! << 16);
}
