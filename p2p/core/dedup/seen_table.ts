/**
 * The ids of messages that were taken care of, in memory that has a bound: a table of their keyed 64-bit
 * hashes. For ids of anybody, in any order; owns the forgetting, and knows no clock.
 *
 * @module
 */

/** Ids that one set holds: with 8 bytes each they fill a cache line, which is one miss at most. */
const WAYS = 8;
/** Numbers of 32 bits that one set takes: the low halves of its hashes, then the high ones. */
const SET_WORDS = 2 * WAYS;
/** Sets at first: 64 KiB, one page. A power of two, as all later numbers of sets are. */
const FIRST_SETS = 1_024;
/** Sets at most: 32 MiB, in which the last million ids are all but surely. */
const MAX_SETS = 2 ** 19;
/** Ids for each set before the table grows: with two on average, one set in 4,000 gets more than eight. */
const LOAD = 2;
/** Ids that can be prepared at one time. */
const MAX_PREPARED = 64;
/** Length of a page of `WebAssembly.Memory`: bytes. */
const PAGE_BYTES = 2 ** 16;
/** The bits of a high half of which the first one of a set says where the next id goes. */
const CURSOR_BITS = 3;

/**
 * A set-associative table: the top bits of an id's hash name a set of eight, in which it takes the
 * place of the oldest one. The table grows with the number of ids until it has its full size.
 *
 * Two ids are taken for one when all 64 bits of their hashes agree: with four million ids in it, that
 * happens to one of 2^42 messages. The hash is made with random numbers of this process.
 */
export class SeenTable {
  readonly #factors = new Int32Array(10);
  #sets = FIRST_SETS;
  #words = zeroed(FIRST_SETS);
  #shift = 32 - Math.log2(FIRST_SETS);
  #added = 0;
  /** Keeps the reads of `warm` from being left out as of no use. */
  #warmed = 0;
  readonly #lows = new Int32Array(MAX_PREPARED);
  readonly #highs = new Int32Array(MAX_PREPARED);

  /** An empty table; `random` gives numbers from 0 to below 1 that nobody can foresee. */
  constructor(random: () => number) {
    for (let i = 0; i < this.#factors.length; i++) {
      this.#factors[i] = Math.floor(random() * 2 ** 32) | 1;
    }
  }

  /** Whether the id was added and is still remembered: its 16 bytes are `words` from `at` on. */
  has(words: Int32Array, at: number): boolean {
    this.prepare(words, at, 1);
    return this.#find((this.#highs[0]! >>> this.#shift) * SET_WORDS, 0);
  }

  /** Remembers an id; whether it was not remembered before. */
  add(words: Int32Array, at: number): boolean {
    this.prepare(words, at, 1);
    return this.addPrepared(0, 1) === 1;
  }

  /**
   * Hashes `count` ids, 64 at most, that lie in `words` from `at` on, and reads a word of the set of each:
   * the processor fetches those sets from memory side by side, and {@linkcode SeenTable.addPrepared} finds
   * them at hand.
   */
  prepare(words: Int32Array, at: number, count: number): void {
    // Read once, and not for each id.
    const f = this.#factors;
    const f0 = f[0]!, f1 = f[1]!, f2 = f[2]!, f3 = f[3]!, f4 = f[4]!;
    const f5 = f[5]!, f6 = f[6]!, f7 = f[7]!, f8 = f[8]!, f9 = f[9]!;
    const lows = this.#lows;
    const highs = this.#highs;
    for (let index = 0; index < count; index++, at += 4) {
      const a = words[at]!;
      const b = words[at + 1]!;
      const c = words[at + 2]!;
      const d = words[at + 3]!;
      // Two chains whose shifts differ: what cancels out in one, whatever the factors are, does not in the
      // other.
      let high = Math.imul(a ^ f0, f1);
      high = Math.imul(b ^ high ^ (high >>> 15), f2);
      high = Math.imul(c ^ high ^ (high >>> 15), f3);
      high = Math.imul(d ^ high ^ (high >>> 15), f4);
      let low = Math.imul(a ^ f5, f6);
      low = Math.imul(b ^ low ^ (low >>> 13), f7);
      low = Math.imul(c ^ low ^ (low >>> 13), f8);
      low = Math.imul(d ^ low ^ (low >>> 13), f9);
      highs[index] = high ^ (low >>> 13);
      // 0 is an empty place.
      lows[index] = low === 0 ? 1 : low;
    }
    const table = this.#words;
    const shift = this.#shift;
    let sum = 0;
    for (let index = 0; index < count; index++) {
      sum ^= table[(highs[index]! >>> shift) * SET_WORDS]!;
    }
    this.#warmed = sum;
  }

  /**
   * Remembers ids that were prepared, from number `first` to before `last`, until one was remembered before.
   * Returns the number of that one, or `last`.
   */
  addPrepared(first: number, last: number): number {
    const words = this.#words;
    const shift = this.#shift;
    const lows = this.#lows;
    const highs = this.#highs;
    let index = first;
    for (; index < last; index++) {
      const high = highs[index]!;
      const set = (high >>> shift) * SET_WORDS;
      if (this.#find(set, index)) break;
      this.#put(words, set, lows[index]!, high);
    }
    this.#added += index - first;
    if (this.#added > LOAD * this.#sets && this.#sets < MAX_SETS) this.#grow();
    return index;
  }

  #find(set: number, index: number): boolean {
    const words = this.#words;
    const low = this.#lows[index]!;
    // Hardly ever is one of them the same, so first it is asked whether any is.
    if (
      words[set] !== low && words[set + 1] !== low && words[set + 2] !== low &&
      words[set + 3] !== low && words[set + 4] !== low && words[set + 5] !== low &&
      words[set + 6] !== low && words[set + 7] !== low
    ) return false;
    const high = this.#highs[index]!;
    for (let way = set; way < set + WAYS; way++) {
      // The top bits of all hashes in a set are the same, so those of the cursor need no comparing.
      if (words[way] === low && (words[way + WAYS]! ^ high) << CURSOR_BITS === 0) return true;
    }
    return false;
  }

  #put(words: Int32Array, set: number, low: number, high: number): void {
    const first = set + WAYS;
    const cursor = words[first]! >>> (32 - CURSOR_BITS);
    words[set + cursor] = low;
    words[first + cursor] = high;
    const next = (cursor + 1) % WAYS;
    words[first] = (words[first]! << CURSOR_BITS >>> CURSOR_BITS) | (next << (32 - CURSOR_BITS));
  }

  /** Twice as many sets: each becomes two, oldest ids first. */
  #grow(): void {
    const before = this.#words;
    this.#words = zeroed(2 * this.#sets);
    const top = this.#shift;
    this.#shift--;
    for (let set = 0; set < this.#sets; set++) {
      const at = set * SET_WORDS;
      const cursor = before[at + WAYS]! >>> (32 - CURSOR_BITS);
      for (let i = 0; i < WAYS; i++) {
        const way = at + (cursor + i) % WAYS;
        const low = before[way]!;
        if (low === 0) continue;
        // The top bits, which the cursor took in one of them, are the set's number.
        const high = (before[way + WAYS]! & ~(-1 << top)) | (set << top);
        this.#put(this.#words, (high >>> this.#shift) * SET_WORDS, low, high);
      }
    }
    this.#sets *= 2;
  }
}

/**
 * Memory for so many empty sets. It begins with a page, so each set is one line of the cache; what other
 * arrays get begins behind 16 bytes of the allocator's own, and sets that lie across two lines take a
 * seventh more of the whole lane's time.
 */
function zeroed(sets: number): Int32Array {
  const pages = sets * SET_WORDS * Int32Array.BYTES_PER_ELEMENT / PAGE_BYTES;
  return new Int32Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
}
