/**
 * Sequence ids: UUIDs of version 8 with a stream and a number, as `docs/protocol.md` describes them. Makes
 * them, and reads the number of one in text; knows nothing of which were seen.
 *
 * @module
 */
import { HEX_TO_BYTE, NOT_HEX, readUuidOf } from "@netlab/protocol/codec";

/** Random 32-bit numbers in an id: one for the 12 bits after the version, one for the 30 after the variant. */
const RANDOM_WORDS = 2;

/** Characters at the beginning of an id that are the same in all ids of a stream: up to the version. */
export const STREAM_TEXT_BYTES = 15;

const HYPHEN = 0x2d;

/**
 * The number in an id whose text begins at `at`, or -1 when the text is not a sequence id. The first
 * {@linkcode STREAM_TEXT_BYTES} characters are not read: the caller knows that they are right. This
 * function is short enough for V8 to inline it into the loop of its caller.
 */
export function readSequenceNumber(view: DataView, at: number): number {
  const pairs = HEX_TO_BYTE;
  const a = view.getInt32(at + 16, true);
  const b = view.getInt32(at + 20, true);
  const random = view.getInt32(at + 24, true);
  const high = view.getInt32(at + 28, true);
  const low = view.getInt32(at + 32, true);
  const variant = pairs[(a >>> 24) | ((b & 0xff) << 8)]!;
  const first = pairs[high & 0xffff]!;
  const second = pairs[high >>> 16]!;
  const third = pairs[low & 0xffff]!;
  const fourth = pairs[low >>> 16]!;
  // The random digits may have any value, but must be hex digits.
  const any = pairs[view.getUint16(at + 15, true)]! | pairs[a & 0xffff]! | variant |
    pairs[(b >>> 8) & 0xffff]! | pairs[random & 0xffff]! | pairs[random >>> 16]! | first | second |
    third | fourth;
  if ((any & NOT_HEX) !== 0 || variant >>> 6 !== 2) return -1;
  if ((a & 0xff_0000) !== HYPHEN << 16 || b >>> 24 !== HYPHEN) return -1;
  return ((first << 24) | (second << 16) | (third << 8) | fourth) >>> 0;
}

/**
 * Makes the ids of one session. They belong to a stream of its own and are numbered from 0. The other
 * bits are random, so that nobody can use the next id first.
 */
export class MessageIds {
  /** The last id, as four numbers of 32 bits, big-endian. The next id overwrites it. */
  readonly words: Int32Array<ArrayBuffer> = new Int32Array(4);
  readonly #fill: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** Random numbers for many ids: one call for many takes as long as one for a few. */
  readonly #random = new Int32Array(64 * RANDOM_WORDS);
  #used = this.#random.length;
  #number = 0;

  /** Ids of a new stream; `fill` fills bytes with random numbers that nobody can predict. */
  constructor(fill: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#fill = fill;
    this.#begin();
  }

  /**
   * Makes `count` ids and returns the first one, a UUID in lower-case text. The others differ from it in
   * their numbers only, which follow its number.
   */
  next(count = 1): string {
    return readUuidOf(this.nextWords(count));
  }

  /** As {@linkcode MessageIds.next}, but returns {@linkcode MessageIds.words}. */
  nextWords(count = 1): Int32Array {
    const random = this.#random;
    if (this.#used === random.length) {
      this.#fill(new Uint8Array(random.buffer));
      this.#used = 0;
    }
    if (this.#number + count > 2 ** 32) this.#begin();
    const id = this.words;
    id[1] = (id[1]! & ~0xffff) | 0x8000 | (random[this.#used]! & 0x0fff);
    id[2] = (0b10 << 30) | (random[this.#used + 1]! & 0x3fff_ffff);
    id[3] = this.#number;
    this.#number += count;
    this.#used += RANDOM_WORDS;
    return id;
  }

  /** Makes the last `count` numbers available again: their ids were not used. */
  returnUnused(count: number): void {
    this.#number -= count;
  }

  /** Begins a stream. */
  #begin(): void {
    this.#fill(new Uint8Array(this.words.buffer));
    this.#number = 0;
  }
}
