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
  readonly #state = crypto.getRandomValues(new Uint32Array(4));

  write(view: DataView, at: number): void {
    const first = this.#next();
    const second = this.#next();
    const third = this.#next();
    const fourth = this.#next();
    word(view, at, first);
    word(view, at + 4, first >>> 16);
    word(view, at + 9, second);
    // Version 4, and the variant of RFC 9562.
    word(view, at + 14, ((second >>> 16) & 0xff0f) | 0x0040);
    word(view, at + 19, (third & 0xff3f) | 0x0080);
    word(view, at + 24, third >>> 16);
    word(view, at + 28, fourth);
    word(view, at + 32, fourth >>> 16);
    view.setUint8(at + 8, HYPHEN);
    view.setUint8(at + 13, HYPHEN);
    view.setUint8(at + 18, HYPHEN);
    view.setUint8(at + 23, HYPHEN);
  }

  /** xorshift128: a period of 2^128 - 1. */
  #next(): number {
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

/** UUIDs of version 8: 48 random bits that all of them share, and a number in the last 32. */
export class CountedIds implements IdWriter {
  readonly #shared = new RandomIds();
  readonly #begin = new Uint8Array(36);
  #number = 0;

  /** Begins to count. */
  constructor() {
    this.#shared.write(new DataView(this.#begin.buffer), 0);
    this.#begin[VERSION_AT] = DIGIT_8;
  }

  write(view: DataView, at: number): void {
    for (let i = 0; i < COUNTER_AT; i++) view.setUint8(at + i, this.#begin[i]!);
    const number = this.#number++;
    word(view, at + COUNTER_AT, swap(number >>> 16));
    word(view, at + COUNTER_AT + 4, swap(number));
  }
}

const HYPHEN = 0x2d;
const DIGIT_8 = 0x38;
const VERSION_AT = 14;
const COUNTER_AT = 28;

/** The lower two bytes, the other way round. */
function swap(value: number): number {
  return ((value >>> 8) & 0xff) | ((value & 0xff) << 8);
}

/** Four hex digits: the low byte of `value` first. */
function word(view: DataView, at: number, value: number): void {
  view.setUint32(at, DIGITS[value & 0xff]! | (DIGITS[(value >>> 8) & 0xff]! << 16), true);
}
