/**
 * Ids for messages that are sent again and again: UUIDs of version 4 from a quick generator, written
 * straight into the bytes. Owns how they look; whoever wants ids of another kind changes this file.
 *
 * @module
 */

/** The two hex digits of each byte, as they stand in memory on a little-endian read. */
const DIGITS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const [high, low] = byte.toString(16).padStart(2, "0");
  return high!.charCodeAt(0) | (low!.charCodeAt(0) << 8);
});

/** Writes UUIDs in text, 36 bytes each; no two of one writer are the same. */
export class IdWriter {
  readonly #state = crypto.getRandomValues(new Uint32Array(4));

  /** Writes one UUID at `at`. */
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

const HYPHEN = 0x2d;

/** Four hex digits: the low byte of `value` first. */
function word(view: DataView, at: number, value: number): void {
  view.setUint32(at, DIGITS[value & 0xff]! | (DIGITS[(value >>> 8) & 0xff]! << 16), true);
}
