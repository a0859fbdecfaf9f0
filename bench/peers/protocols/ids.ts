/**
 * Ids for messages that are sent again and again, written straight into the bytes: random ones, as
 * anybody may make them, and counted ones, as netlab's sessions make them. Owns how they look.
 *
 * @module
 */

/** Writes UUIDs in text, 36 bytes each; no two of one writer are the same. */
export interface IdWriter {
  /** Writes one UUID at `at`. */
  write(view: DataView, at: number): void;
}

/** The two hex digits of each byte, as they stand in memory on a little-endian read. */
const DIGITS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const [high, low] = byte.toString(16).padStart(2, "0");
  return high!.charCodeAt(0) | (low!.charCodeAt(0) << 8);
});

/** UUIDs of version 4. */
export class RandomIds implements IdWriter {
  readonly #random = new Random();

  write(view: DataView, at: number): void {
    const random = this.#random;
    writeId(view, at, random.next(), random.next(), 4, random.next(), random.next());
  }
}

/**
 * UUIDs of version 8: 48 random bits that all of them share, 42 that no two next to each other do, and a
 * number in the last 32. Where one of them stands already, only the number is written, since a session
 * is faster than a generator that makes all of its ids anew.
 */
export class CountedIds implements IdWriter {
  readonly #random = new Random();
  readonly #high = this.#random.next();
  readonly #low = this.#random.next();
  /** The first four digits, by which it knows its own. */
  readonly #begin = digits(this.#high);
  #number = 0;

  write(view: DataView, at: number): void {
    const number = this.#number++;
    if (view.getInt32(at, true) !== this.#begin || view.getUint8(at + VERSION_AT) !== DIGIT_8) {
      const low = (this.#low & 0xffff) | (this.#random.next() & 0xffff_0000);
      writeId(view, at, this.#high, low, 8, this.#random.next(), 0);
    }
    word(view, at + 28, swap(number));
    word(view, at + 32, swap(number) >>> 16);
  }
}

/** The same as 16 bytes, for bundles: the digits behind the stream are new for each. */
export class BundleIds {
  readonly #random = new Random();
  readonly #high = this.#random.next();
  readonly #low = this.#random.next();
  #number = 0;

  /** Writes the id of the first of `count` messages at `at`. */
  write(view: DataView, at: number, count: number): void {
    view.setInt32(at, this.#high);
    view.setInt32(at + 4, (this.#low & 0xffff_0000) | 0x8000 | (this.#random.next() & 0xfff));
    view.setInt32(at + 8, 0x8000_0000 | (this.#random.next() >>> 2));
    view.setInt32(at + 12, this.#number);
    this.#number += count;
  }
}

/** xorshift128: a period of 2^128 - 1. */
class Random {
  readonly #state = crypto.getRandomValues(new Uint32Array(4));

  /** 32 bits. */
  next(): number {
    const state = this.#state;
    let t = state[3]!;
    const s = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = t ^ s ^ (s >>> 19);
    return state[0]!;
  }
}

const HYPHEN = 0x2d;
const DIGIT_8 = 0x38;
const VERSION_AT = 14;

/** A UUID of 16 bytes, the lowest byte of `first` first, but for version and variant (RFC 9562). */
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
  view.setUint8(at + 8, HYPHEN);
  view.setUint8(at + 13, HYPHEN);
  view.setUint8(at + 18, HYPHEN);
  view.setUint8(at + 23, HYPHEN);
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
