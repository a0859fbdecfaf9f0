/**
 * The window of one stream: which of its numbers have been seen. All numbers up to some point have been, and
 * above it there is a bit for each. So the check is exact and forgets nothing while no number is missing for
 * long. `docs/protocol.md` describes streams.
 *
 * @module
 */
import { invariant } from "@netlab/protocol/codec";

/** Numbers that a window covers above the first missing one, at first. A power of two. */
const MIN_SPAN = 1_024;
/** Numbers that it covers at most. Numbers that are missing for longer are given up. A power of two. */
const MAX_SPAN = 65_536;

/** The window of one stream. It moves forward only. */
export class StreamWindow {
  /** Every number below this has been seen or given up. */
  #floor = 0;
  /** Some numbers below this were given up, so it is not known whether they have been seen. */
  #exactFrom = 0;
  /** How many numbers above the floor have been seen. */
  #seenAbove = 0;
  /** A bit for each number from the floor on, at the number modulo the number of bits. */
  #bits: Uint32Array | undefined;

  /**
   * A stream of which no number has been seen.
   *
   * @param high The first 32 bits of its ids.
   * @param low The 16 bits after those.
   */
  constructor(readonly high: number, readonly low: number) {}

  /** The first number that has been neither seen nor given up. */
  get floor(): number {
    return this.#floor;
  }

  /** Whether the id at `words[at]` belongs to this stream. */
  has(words: Int32Array, at: number): boolean {
    return this.high === words[at] && this.low === words[at + 1]! >>> 16;
  }

  /**
   * Marks a number, 0 to 2^32 - 1, as seen. Returns whether it is new, or `undefined` when it is so far
   * behind the newest one that this is not known.
   */
  add(number: number): boolean | undefined {
    if (number !== this.#floor || this.#seenAbove > 0) return this.#addOutOfOrder(number);
    this.#floor++;
    return true;
  }

  /**
   * Marks `count` numbers from `first` on, at most 2^16, as seen if all of them are known to be new. Returns
   * whether they are.
   */
  addRange(first: number, count: number): boolean {
    if (first !== this.#floor || this.#seenAbove > 0) {
      return this.#addRangeOutOfOrder(first, count);
    }
    this.#floor += count;
    return true;
  }

  /** Whether a number has been seen; `undefined` as {@linkcode StreamWindow.add} has it. */
  includes(number: number): boolean | undefined {
    if (number < this.#floor) return number < this.#exactFrom ? undefined : true;
    const bits = this.#bits;
    if (!bits || number - this.#floor >= bits.length * 32) return false;
    return hasBit(bits, number);
  }

  /**
   * Checks the invariants of the window; only for tests and the simulator.
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

  /** The bits, which cover `number` afterwards. It is not below the floor. */
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

  /** Moves the floor up to `floor`, and gives up the numbers that are missing below it. */
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

/** Whether the bit of any number from `first` to before `end` is set. */
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

/** The first number whose bit is in the next word. */
function nextWord(number: number): number {
  return number + 32 - (number & 31);
}

/** The bits of the numbers from `number` to before `end` that are in the word of `number`. */
function maskOf(number: number, end: number): number {
  const count = Math.min(32 - (number & 31), end - number);
  return (count === 32 ? -1 : (1 << count) - 1) << (number & 31);
}
