/**
 * Remembers ids of processed messages in bounded memory, as 64-bit hashes. Used for ids that are not sequence
 * ids and arrive in any order. Decides which id is forgotten. Does not depend on time.
 *
 * @module
 */

/**
 * The number of ids in a set. With 8 bytes each, they fill one cache line, so a set costs at most one cache
 * miss.
 */
const WAYS = 8;
/** The number of 32-bit numbers in a set: first the low halves of its hashes, then the high halves. */
const SET_WORDS = 2 * WAYS;
/**
 * The number of sets in an empty table. They take 64 KiB, one page. The number of sets is always a power of
 * two.
 */
const FIRST_SETS = 1_024;
/** The most sets. They take 32 MiB and almost certainly hold the last million ids. */
const MAX_SETS = 2 ** 19;
/**
 * The average number of ids in a set at which the table grows. With two, one set in 4,000 gets more than
 * eight.
 */
const LOAD = 2;
/** The most ids that can be prepared at one time. */
const MAX_PREPARED = 64;
/** The size of a page of `WebAssembly.Memory`: bytes. */
const PAGE_BYTES = 2 ** 16;
/**
 * The number of bits in the cursor of a set, which tells which element the next id replaces. The cursor is in
 * the top bits of the first high half of the set.
 */
const CURSOR_BITS = 3;

/**
 * A set-associative hash table of ids. The top bits of an id's hash select a set of eight ids. A new id
 * replaces the oldest one in its set. The table grows with the number of ids up to its full size.
 *
 * Two ids count as equal if all 64 bits of their hashes agree. With four million ids in the table, that
 * happens to one message in 2^42. The hash has random factors, so nobody can choose such ids.
 */
export class SeenTable {
  readonly #factors = new Int32Array(10);
  #sets = FIRST_SETS;
  #words = zeroed(FIRST_SETS);
  #shift = 32 - Math.log2(FIRST_SETS);
  #added = 0;
  /** Assigned so that the compiler does not remove the reads in {@linkcode SeenTable.prepare}. */
  #prefetched = 0;
  readonly #lows = new Int32Array(MAX_PREPARED);
  readonly #highs = new Int32Array(MAX_PREPARED);

  /** Makes an empty table. `random` returns unpredictable numbers from 0 to below 1. */
  constructor(random: () => number) {
    for (let i = 0; i < this.#factors.length; i++) {
      this.#factors[i] = Math.floor(random() * 2 ** 32) | 1;
    }
  }

  /** Returns whether an id is remembered. The id is the four 32-bit numbers in `words` from index `at` on. */
  has(words: Int32Array, at: number): boolean {
    this.prepare(words, at, 1);
    return this.#find((this.#highs[0]! >>> this.#shift) * SET_WORDS, 0);
  }

  /** Remembers the id at `words[at]`. Returns whether it is new. */
  add(words: Int32Array, at: number): boolean {
    this.prepare(words, at, 1);
    return this.addPrepared(0, 1) === 1;
  }

  /**
   * Hashes `count` ids, at most 64, from `words[at]` on, and reads one number from the set of each. The
   * processor then fetches all these sets from memory at one time, and they are in its cache when
   * {@linkcode SeenTable.addPrepared} needs them.
   */
  prepare(words: Int32Array, at: number, count: number): void {
    // Reads the factors once instead of for each id.
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
      // The two hash chains have different shifts. Ids that collide in one chain, whatever its factors are,
      // do not collide in the other.
      let high = Math.imul(a ^ f0, f1);
      high = Math.imul(b ^ high ^ (high >>> 15), f2);
      high = Math.imul(c ^ high ^ (high >>> 15), f3);
      high = Math.imul(d ^ high ^ (high >>> 15), f4);
      let low = Math.imul(a ^ f5, f6);
      low = Math.imul(b ^ low ^ (low >>> 13), f7);
      low = Math.imul(c ^ low ^ (low >>> 13), f8);
      low = Math.imul(d ^ low ^ (low >>> 13), f9);
      highs[index] = high ^ (low >>> 13);
      // 0 marks an empty element.
      lows[index] = low === 0 ? 1 : low;
    }
    const table = this.#words;
    const shift = this.#shift;
    let sum = 0;
    for (let index = 0; index < count; index++) {
      sum ^= table[(highs[index]! >>> shift) * SET_WORDS]!;
    }
    this.#prefetched = sum;
  }

  /**
   * Remembers the prepared ids from index `first` to before `last`. Stops at the first id that is not new.
   * Returns the index of that id, or `last`.
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
    // Checks first whether any low half matches, because nearly all ids are new.
    if (
      words[set] !== low && words[set + 1] !== low && words[set + 2] !== low &&
      words[set + 3] !== low && words[set + 4] !== low && words[set + 5] !== low &&
      words[set + 6] !== low && words[set + 7] !== low
    ) return false;
    const high = this.#highs[index]!;
    for (let way = set; way < set + WAYS; way++) {
      // The top bits are equal in the whole set, so the bits that the cursor overwrites need no comparison.
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

  /** Doubles the number of sets. Divides the ids of each set between two sets, the oldest ids first. */
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
        // Restores the top bits, which are the number of the set. The cursor replaced some of them in one
        // hash.
        const high = (before[way + WAYS]! & ~(-1 << top)) | (set << top);
        this.#put(this.#words, (high >>> this.#shift) * SET_WORDS, low, high);
      }
    }
    this.#sets *= 2;
  }
}

/**
 * Allocates memory for empty sets. It starts at a page boundary, so each set is one cache line. Other arrays
 * start 16 bytes after such a boundary. If sets crossed cache lines, the fast path would take a seventh
 * longer.
 */
function zeroed(sets: number): Int32Array {
  const pages = sets * SET_WORDS * Int32Array.BYTES_PER_ELEMENT / PAGE_BYTES;
  return new Int32Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
}
