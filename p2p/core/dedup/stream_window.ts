/**
 * Tracks which numbers of one stream were seen. All numbers below the floor were seen; for the numbers above
 * it, the window has one bit each. The check is exact as long as no number is missing for long.
 * `docs/protocol.md` describes streams.
 *
 * @module
 */
import { invariant } from "@netlab/protocol/codec";

/** The initial size of a window: numbers above the first missing one. A power of two. */
const MIN_SPAN = 1_024;
/**
 * The largest size of a window: numbers above the first missing one. Missing numbers that it no longer covers
 * are given up. A power of two.
 */
const MAX_SPAN = 65_536;

/** The window of one stream. It only moves forward. */
export class StreamWindow {
  /** The first 32 bits of all ids of the stream. */
  readonly high: number;
  /** The next 16 bits of these ids. */
  readonly low: number;
  /** All numbers below this one were seen or given up. */
  #floor = 0;
  /** The window no longer knows whether a number below this one was seen, because some of them were given up. */
  #exactFrom = 0;
  /** The number of seen numbers above the floor. */
  #seenAbove = 0;
  /** One bit for each number from the floor on. Its index is the number modulo the size of the window. */
  #bits: Uint32Array | undefined;

  /**
   * Makes the window of a stream of which no number was seen.
   *
   * @param high The first 32 bits of all ids of the stream.
   * @param low The next 16 bits of these ids.
   */
  constructor(high: number, low: number) {
    this.high = high;
    this.low = low;
  }

  /** The first number that was neither seen nor given up. */
  get floor(): number {
    return this.#floor;
  }

  /** Returns whether the id at `words[at]` belongs to this stream. */
  has(words: Int32Array, at: number): boolean {
    return this.high === words[at] && this.low === words[at + 1]! >>> 16;
  }

  /**
   * Marks a number from 0 to 2^32 - 1 as seen. Returns whether it is new, or `undefined` if it is too far
   * behind the newest number to tell.
   */
  add(number: number): boolean | undefined {
    if (number !== this.#floor || this.#seenAbove > 0) return this.#addOutOfOrder(number);
    this.#floor++;
    return true;
  }

  /**
   * Marks `count` numbers from `first` on, at most 2^16, as seen if every one is certainly new. Returns
   * whether it did.
   */
  addRange(first: number, count: number): boolean {
    if (first !== this.#floor || this.#seenAbove > 0) {
      return this.#addRangeOutOfOrder(first, count);
    }
    this.#floor += count;
    return true;
  }

  /** Returns whether a number was seen, or `undefined` if it is too far behind the newest number to tell. */
  includes(number: number): boolean | undefined {
    if (number < this.#floor) return number < this.#exactFrom ? undefined : true;
    const bits = this.#bits;
    if (!bits || number - this.#floor >= bits.length * 32) return false;
    return hasBit(bits, number);
  }

  /**
   * Checks the invariants of the window. Only for tests and the simulator.
   *
   * @throws {Error} When its counters and bits disagree.
   */
  check(): void {
    let seen = 0;
    for (const word of this.#bits ?? []) for (let w = word; w !== 0; w &= w - 1) seen++;
    if (seen !== this.#seenAbove) throw new Error(`${seen} bits are set, not ${this.#seenAbove}`);
    if (this.#exactFrom > this.#floor) throw new Error("Numbers above the floor were given up");
    if (this.#bits && hasBit(this.#bits, this.#floor)) throw new Error("The floor has been seen");
  }

  #addOutOfOrder(number: number): boolean | undefined {
    if (number < this.#floor) return number < this.#exactFrom ? undefined : false;
    const bits = this.#bitsFor(number);
    if (hasBit(bits, number)) return false;
    const at = number & (bits.length * 32 - 1);
    bits[at >>> 5]! |= 1 << (at & 31);
    this.#seenAbove++;
    if (number === this.#floor) this.#skipSeen(bits);
    return true;
  }

  #addRangeOutOfOrder(first: number, count: number): boolean {
    if (first < this.#floor) return false;
    const end = first + count;
    const known = this.#bits;
    if (known) {
      const last = Math.min(end, this.#floor + known.length * 32);
      if (hasBits(known, first, last)) return false;
    }
    const bits = this.#bitsFor(end - 1);
    if (first === this.#floor) {
      this.#floor = end;
      this.#skipSeen(bits);
    } else {
      setBits(bits, first, end);
      this.#seenAbove += count;
    }
    return true;
  }

  /**
   * Returns the bits after extending or moving the window to cover `number`, which must not be below the
   * floor.
   */
  #bitsFor(number: number): Uint32Array {
    let bits = this.#bits ??= new Uint32Array(MIN_SPAN / 32);
    while (number - this.#floor >= bits.length * 32) {
      if (bits.length * 32 === MAX_SPAN) {
        this.#giveUpBelow(bits, number - MAX_SPAN + 1);
        break;
      }
      const wider = new Uint32Array(2 * bits.length);
      const to = wider.length * 32 - 1;
      for (let n = this.#floor; n < this.#floor + bits.length * 32; n++) {
        if (hasBit(bits, n)) wider[(n & to) >>> 5]! |= 1 << (n & 31);
      }
      this.#bits = bits = wider;
    }
    return bits;
  }

  /** Moves the floor up to `floor` or higher. Gives up the missing numbers below `floor`. */
  #giveUpBelow(bits: Uint32Array, floor: number): void {
    invariant(floor > this.#floor, "a window moves forward only");
    this.#exactFrom = floor;
    if (floor - this.#floor >= MAX_SPAN) {
      bits.fill(0);
      this.#seenAbove = 0;
    } else {
      for (let n = this.#floor; n < floor; n++) this.#clearBit(bits, n);
    }
    this.#floor = floor;
    this.#skipSeen(bits);
  }

  /** Moves the floor up to the first missing number. */
  #skipSeen(bits: Uint32Array): void {
    while (this.#seenAbove > 0 && this.#clearBit(bits, this.#floor)) this.#floor++;
  }

  /** Clears the bit of a number. Returns whether it was set. */
  #clearBit(bits: Uint32Array, number: number): boolean {
    if (!hasBit(bits, number)) return false;
    const at = number & (bits.length * 32 - 1);
    bits[at >>> 5]! &= ~(1 << (at & 31));
    this.#seenAbove--;
    return true;
  }
}

function hasBit(bits: Uint32Array, number: number): boolean {
  return (bits[(number & (bits.length * 32 - 1)) >>> 5]! & (1 << (number & 31))) !== 0;
}

/** Returns whether the bit of any number from `first` to before `end` is set. */
function hasBits(bits: Uint32Array, first: number, end: number): boolean {
  for (let number = first; number < end; number = nextWord(number)) {
    const at = number & (bits.length * 32 - 1);
    if ((bits[at >>> 5]! & maskOf(number, end)) !== 0) return true;
  }
  return false;
}

/** Sets the bits of the numbers from `first` to before `end`. */
function setBits(bits: Uint32Array, first: number, end: number): void {
  for (let number = first; number < end; number = nextWord(number)) {
    const at = number & (bits.length * 32 - 1);
    bits[at >>> 5]! |= maskOf(number, end);
  }
}

/** Returns the first number whose bit is in the next 32-bit word. */
function nextWord(number: number): number {
  return number + 32 - (number & 31);
}

/** Returns a mask for the numbers from `number` to before `end` whose bits share a word with that of `number`. */
function maskOf(number: number, end: number): number {
  const count = Math.min(32 - (number & 31), end - number);
  return (count === 32 ? -1 : (1 << count) - 1) << (number & 31);
}
