/**
 * The ids of messages whose senders count them: UUIDs of version 8 that carry a stream and a counter, as
 * `docs/protocol.md` lays out. What was seen of a stream is all up to some number and a few bits above
 * it, so the check is exact and forgets nothing while nothing is left out. Owns the streams and their
 * bits; knows nothing of connections.
 *
 * @module
 */
import { HEX_TO_BYTE, NOT_HEX, readUuidOf } from "@netlab/protocol/codec";
import { type NameFactors, NameTable } from "./name_table.ts";

/** Senders whose streams are remembered at least; twice as many at most. */
const MAX_SENDERS = 10_000;
/** Numbers above the first missing one of which it is known whether they were seen, at first. */
const FIRST_SPAN = 1_024;
/** And at most: what is left out for longer than this is not known any more. Powers of two. */
const MAX_SPAN = 65_536;

/** Random numbers that an id needs: for the 12 bits behind its version, and the 30 behind its variant. */
const RANDOM_WORDS = 2;

/** So many characters of an id in text are the same in all ids of a stream: up to its version. */
export const STREAM_TEXT_BYTES = 15;

/**
 * The number in an id that stands as text in `view` at `at`, when it is known already that it begins with
 * the {@linkcode STREAM_TEXT_BYTES} characters of some counted id. -1 when what follows them is not what
 * it should be. Short enough to be compiled into the loop that calls it.
 */
export function numberInText(view: DataView, at: number): number {
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
  // Of the random digits it matters only that they are some.
  const any = pairs[view.getUint16(at + 15, true)]! | pairs[a & 0xffff]! | variant |
    pairs[(b >>> 8) & 0xffff]! | pairs[random & 0xffff]! | pairs[random >>> 16]! | first | second |
    third | fourth;
  if ((any & NOT_HEX) !== 0 || variant >>> 6 !== 2) return -1;
  if ((a & 0xff_0000) !== HYPHEN << 16 || b >>> 24 !== HYPHEN) return -1;
  return ((first << 24) | (second << 16) | (third << 8) | fourth) >>> 0;
}

const HYPHEN = 0x2d;

/**
 * Makes the ids of one session: of a stream of its own, counted from 0. What is left of an id is random,
 * so that nobody can use the next one first.
 */
export class MessageIds {
  /** The id that was made last, as four numbers of 32 bits, big-endian; valid until the next one is made. */
  readonly words: Int32Array<ArrayBuffer> = new Int32Array(4);
  readonly #fill: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** Random numbers for many ids: to ask for a few takes as long as to ask for many. */
  readonly #random = new Int32Array(64 * RANDOM_WORDS);
  #used = this.#random.length;
  #number = 0;

  /** Ids of a new stream; `fill` fills bytes with numbers that nobody can foresee. */
  constructor(fill: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#fill = fill;
    this.#begin();
  }

  /**
   * Makes the next id, a UUID in lower-case text; of `count` of them the first: the others have the numbers
   * behind it, and all else in common.
   */
  next(count = 1): string {
    return readUuidOf(this.nextWords(count));
  }

  /** The same for who does not need it in text: {@linkcode MessageIds.words}. */
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

  /** The last `count` of what {@linkcode MessageIds.next} gave were not used. */
  giveBack(count: number): void {
    this.#number -= count;
  }

  /** Begins a stream. */
  #begin(): void {
    this.#fill(new Uint8Array(this.words.buffer));
    this.#number = 0;
  }
}

/** One stream of one sender: which of its numbers were seen. */
export class Stream {
  /** The one that the sender used before it. */
  older: Stream | undefined = undefined;
  /** All below this were seen, or given up. */
  #floor = 0;
  /** Below this, some were given up. */
  #known = 0;
  /** How many are seen above the floor. */
  #above = 0;
  /** A bit for each number from the floor on, at the number's place modulo their number. */
  #bits: Uint32Array | undefined;

  /**
   * A stream of which nothing was seen.
   *
   * @param high The first 32 bits of its ids.
   * @param low The 16 bits after those.
   */
  constructor(readonly high: number, readonly low: number) {}

  /** Whether the id at `words[at]` is one of this stream. */
  has(words: Int32Array, at: number): boolean {
    return this.high === words[at] && this.low === words[at + 1]! >>> 16;
  }

  /**
   * Takes in a number, 0 to 2^32 - 1. Whether it was not seen before; `undefined` when it is so far
   * behind the newest one that nobody knows.
   */
  add(number: number): boolean | undefined {
    if (number !== this.#floor || this.#above > 0) return this.#addOutOfTurn(number);
    this.#floor++;
    return true;
  }

  /**
   * Takes in so many numbers from `first` on, at most 2^16, if none of them was seen before; whether that
   * is so. When it is not known of all of them, none is taken in.
   */
  addRange(first: number, count: number): boolean {
    if (first !== this.#floor || this.#above > 0) return this.#addRangeOutOfTurn(first, count);
    this.#floor += count;
    return true;
  }

  #addRangeOutOfTurn(first: number, count: number): boolean {
    if (first < this.#floor) return false;
    const end = first + count;
    const known = this.#bits;
    if (known) {
      const last = Math.min(end, this.#floor + known.length * 32);
      if (touch(known, first, last, false)) return false;
    }
    const bits = this.#room(end - 1);
    if (first === this.#floor) {
      this.#floor = end;
      this.#rise(bits);
    } else {
      touch(bits, first, end, true);
      this.#above += count;
    }
    return true;
  }

  #addOutOfTurn(number: number): boolean | undefined {
    if (number < this.#floor) return number < this.#known ? undefined : false;
    const bits = this.#room(number);
    const at = number & (bits.length * 32 - 1);
    const bit = 1 << (at & 31);
    if ((bits[at >>> 5]! & bit) !== 0) return false;
    bits[at >>> 5]! |= bit;
    this.#above++;
    if (number === this.#floor) this.#rise(bits);
    return true;
  }

  /** Whether a number was seen; `undefined` as {@linkcode Stream.add} has it. */
  includes(number: number): boolean | undefined {
    if (number < this.#floor) return number < this.#known ? undefined : true;
    const bits = this.#bits;
    if (!bits || number - this.#floor >= bits.length * 32) return false;
    return (bits[(number & (bits.length * 32 - 1)) >>> 5]! & (1 << (number & 31))) !== 0;
  }

  /** The bits, with room for a number from the floor on. */
  #room(number: number): Uint32Array {
    let bits = this.#bits ??= new Uint32Array(FIRST_SPAN / 32);
    while (number - this.#floor >= bits.length * 32) {
      if (bits.length * 32 === MAX_SPAN) {
        this.#giveUp(bits, number - MAX_SPAN + 1);
        break;
      }
      const wider = new Uint32Array(2 * bits.length);
      const from = bits.length * 32 - 1;
      const to = wider.length * 32 - 1;
      for (let n = this.#floor; n <= this.#floor + from; n++) {
        if ((bits[(n & from) >>> 5]! & (1 << (n & 31))) !== 0) {
          wider[(n & to) >>> 5]! |= 1 << (n & 31);
        }
      }
      this.#bits = bits = wider;
    }
    return bits;
  }

  /** Goes on to a floor without those that are missing below it. */
  #giveUp(bits: Uint32Array, floor: number): void {
    this.#known = floor;
    if (floor - this.#floor >= MAX_SPAN) {
      bits.fill(0);
      this.#above = 0;
    } else {
      for (let n = this.#floor; n < floor; n++) this.#clear(bits, n);
    }
    this.#floor = floor;
    this.#rise(bits);
  }

  /** Goes on over those that were seen. */
  #rise(bits: Uint32Array): void {
    while (this.#above > 0 && this.#clear(bits, this.#floor)) this.#floor++;
  }

  #clear(bits: Uint32Array, number: number): boolean {
    const at = number & (bits.length * 32 - 1);
    const bit = 1 << (at & 31);
    if ((bits[at >>> 5]! & bit) === 0) return false;
    bits[at >>> 5]! &= ~bit;
    this.#above--;
    return true;
  }
}

/** Whether any bit of the numbers from `first` to `end` is set; `set` sets all of them. */
function touch(bits: Uint32Array, first: number, end: number, set: boolean): boolean {
  let any = 0;
  for (let number = first; number < end;) {
    const at = number & (bits.length * 32 - 1);
    const count = Math.min(32 - (at & 31), end - number);
    const mask = (count === 32 ? -1 : (1 << count) - 1) << (at & 31);
    any |= bits[at >>> 5]! & mask;
    if (set) bits[at >>> 5]! |= mask;
    number += count;
  }
  return any !== 0;
}

/** So many streams of one sender are known: a session may use two, and the one before it did. */
const STREAMS_EACH = 4;

/** The streams of one sender, the newest first. */
export class SenderStreams {
  #newest: Stream | undefined;

  /** The stream of the id at `words[at]`; a new one takes the place of the oldest. */
  get(words: Int32Array, at: number): Stream {
    let count = 0;
    let last: Stream | undefined;
    for (let stream = this.#newest; stream; stream = stream.older) {
      if (stream.has(words, at)) return stream;
      if (++count < STREAMS_EACH) last = stream;
    }
    if (last) last.older = undefined;
    const stream = new Stream(words[at]!, words[at + 1]! >>> 16);
    stream.older = this.#newest;
    return this.#newest = stream;
  }
}

/**
 * The streams of all senders. What a stranger sends under the numbers of somebody else's stream counts
 * for a stream of the stranger's own. Whoever has not sent for the longest time is forgotten, in two
 * generations.
 */
export class Streams {
  /** Where the name of the sender ends that was asked for last: at its NUL, or -1. */
  nul: number = -1;
  readonly #factors: NameFactors;
  #young: NameTable<SenderStreams>;
  #old: NameTable<SenderStreams>;

  /** No streams yet. */
  constructor(factors: NameFactors) {
    this.#factors = factors;
    this.#young = new NameTable(factors);
    this.#old = new NameTable(factors);
  }

  /** The stream of the id at `words[at]`, of the sender whose name lies in `bytes` from `start` on. */
  get(
    words: Int32Array,
    at: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Stream | undefined {
    const streams = this.#young.findBeforeNul(bytes, start, end);
    const nul = this.nul = this.#young.nul;
    return nul < 0 ? undefined : (streams ?? this.#add(bytes.slice(start, nul))).get(words, at);
  }

  /** The same, where the name ends at `end`. */
  getNamed(
    words: Int32Array,
    at: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Stream {
    const streams = this.#young.find(bytes, start, end);
    return (streams ?? this.#add(bytes.slice(start, end))).get(words, at);
  }

  /** Goes on with a sender of before, or begins with a new one. */
  #add(sender: Uint8Array): SenderStreams {
    if (this.#young.size >= MAX_SENDERS) {
      this.#old = this.#young;
      this.#young = new NameTable(this.#factors);
    }
    const streams = this.#old.get(sender) ?? new SenderStreams();
    this.#young.set(sender, streams);
    return streams;
  }
}
