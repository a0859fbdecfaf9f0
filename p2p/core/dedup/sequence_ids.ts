/**
 * Makes sequence ids, and reads the number of a sequence id in text. Sequence ids are UUIDs of version 8 with
 * a stream and a number, as `docs/protocol.md` describes them. Does not know which ids were seen.
 *
 * @module
 */
import { HEX_TO_BYTE, NOT_HEX, readUuidOf } from "@netlab/protocol/codec";

/**
 * The number of random 32-bit numbers for each id: one for the 12 bits after the version, one for the 30 bits
 * after the variant.
 */
const RANDOM_WORDS = 2;

/** The number of characters at the start of an id that all ids of a stream share. They end with the version. */
export const STREAM_TEXT_BYTES = 15;

const HYPHEN = 0x2d;

/**
 * Reads the number of the id whose text starts at `at`. Returns -1 if the text is not a sequence id. Does not
 * read the first {@linkcode STREAM_TEXT_BYTES} characters, which the caller has checked. This function is
 * short enough for V8 to inline it into the loop of its caller.
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
  // Random digits may have any value, but they must be hex digits.
  const any = pairs[view.getUint16(at + 15, true)]! | pairs[a & 0xffff]! | variant |
    pairs[(b >>> 8) & 0xffff]! | pairs[random & 0xffff]! | pairs[random >>> 16]! | first | second |
    third | fourth;
  if ((any & NOT_HEX) !== 0 || variant >>> 6 !== 2) return -1;
  if ((a & 0xff_0000) !== HYPHEN << 16 || b >>> 24 !== HYPHEN) return -1;
  return ((first << 24) | (second << 16) | (third << 8) | fourth) >>> 0;
}

/**
 * Makes the ids of one stream, numbered from 0. When the numbers run out, it starts a new stream. The other
 * bits are random, so that nobody can use the next id first. A session has one of these objects for the
 * messages that it sends and one for those that it posts.
 */
export class MessageIds {
  /** The last id as four 32-bit numbers, big-endian. The next id overwrites it. */
  readonly words: Int32Array<ArrayBuffer> = new Int32Array(4);
  readonly #fill: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** Random numbers for many ids. One call for many takes as long as one call for a few. */
  readonly #random = new Int32Array(64 * RANDOM_WORDS);
  #used = this.#random.length;
  #number = 0;

  /** Starts a new stream. `fill` fills bytes with unpredictable random numbers. */
  constructor(fill: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#fill = fill;
    this.#begin();
  }

  /**
   * Makes `count` ids and returns the first one as a UUID in lower-case text. The other ids differ from it
   * only in their numbers, which follow its number.
   */
  next(count = 1): string {
    return readUuidOf(this.nextWords(count));
  }

  /**
   * Makes `count` ids as {@linkcode MessageIds.next} does, but returns the first one in
   * {@linkcode MessageIds.words}.
   */
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

  /** Makes the last `count` numbers available again because their ids were not used. */
  returnUnused(count: number): void {
    this.#number -= count;
  }

  /** Starts a new stream. */
  #begin(): void {
    this.#fill(new Uint8Array(this.words.buffer));
    this.#number = 0;
  }
}
