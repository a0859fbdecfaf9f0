/**
 * A map from user names to values that is asked with the bytes of a name where they lie, so that no
 * string is made of them. Owns hashing and probing; knows nothing of what the values are.
 *
 * @module
 */

/** Longest name in UTF-8: its length travels in one byte. */
const MAX_NAME_BYTES = 255;
/** Slots at first; a power of two, as all later numbers of slots are. */
const FIRST_SLOTS = 16;
/** Slots at most: the hash has 25 good bits. */
const MAX_SLOTS = 2 ** 25;

/** What the places in a name count for in its hash; made by {@linkcode nameFactors}. */
export type NameFactors = Int32Array;

/** Factors for the tables of one process; `random` gives numbers from 0 to below 1 that nobody can foresee. */
export function nameFactors(random: () => number): NameFactors {
  return Int32Array.from({ length: MAX_NAME_BYTES }, () => Math.floor(random() * 2 ** 32) | 0);
}

interface Entry<Value> {
  readonly hash: number;
  readonly name: Uint8Array;
  value: Value;
}

/**
 * Open addressing with linear probing. Names are chosen by strangers, so the hash is one for which
 * nobody can look for names that collide: every place in a name has a random factor, and the top bits
 * of the sum are the hash (multilinear hashing, strongly universal in its top 25 bits; Dietzfelbinger
 * 1996, Lemire and Kaser 2014). Without a chain from byte to byte it is also the fastest one here.
 */
export class NameTable<Value> {
  /** Where the name ends that was looked for last: at its NUL, or -1 when none came in time. */
  nul: number = -1;
  readonly #factors: NameFactors;
  #hashes = new Int32Array(FIRST_SLOTS);
  #entries: (Entry<Value> | undefined)[] = new Array(FIRST_SLOTS).fill(undefined);
  #shift = 32 - Math.log2(FIRST_SLOTS);
  #size = 0;

  /** An empty table. */
  constructor(factors: NameFactors) {
    this.#factors = factors;
  }

  /** How many names have a value. */
  get size(): number {
    return this.#size;
  }

  /**
   * The value of the name that begins at `start` and ends before the next NUL below `end`. Where that
   * NUL stands is in {@linkcode NameTable.nul}.
   */
  findBeforeNul(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const factors = this.#factors;
    const last = Math.min(end, start + MAX_NAME_BYTES + 1);
    let hash = 0;
    for (let at = start; at < last; at++) {
      const byte = bytes[at]!;
      if (byte === 0) {
        this.nul = at;
        const slot = this.#find(hash | 1, bytes, start, at - start);
        return slot < 0 ? undefined : this.#entries[slot]!.value;
      }
      hash = (hash + Math.imul(factors[at - start]!, byte)) | 0;
    }
    this.nul = -1;
    return undefined;
  }

  /** The value of the name in `bytes` from `start` to `end`, at most 255 bytes. */
  find(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const slot = this.#find(this.#hash(bytes, start, end), bytes, start, end - start);
    return slot < 0 ? undefined : this.#entries[slot]!.value;
  }

  /** The value of a name. */
  get(name: Uint8Array): Value | undefined {
    return this.find(name, 0, name.length);
  }

  /** Gives a name a value, in place of the one that it had. */
  set(name: Uint8Array, value: Value): void {
    const hash = this.#hash(name, 0, name.length);
    const slot = this.#find(hash, name, 0, name.length);
    if (slot >= 0) {
      this.#entries[slot]!.value = value;
      return;
    }
    if (2 * this.#size >= this.#entries.length && this.#entries.length < MAX_SLOTS) this.#grow();
    this.#put({ hash, name: name.slice(), value });
    this.#size++;
  }

  /** Takes a name out, if it is in. */
  delete(name: Uint8Array): void {
    let hole = this.#find(this.#hash(name, 0, name.length), name, 0, name.length);
    if (hole < 0) return;
    this.#size--;
    const mask = this.#entries.length - 1;
    // Whoever had to go on because the slot was taken comes back, so that no search ends too early.
    for (let slot = (hole + 1) & mask; this.#hashes[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashes[slot]! >>> this.#shift;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#hashes[hole] = this.#hashes[slot]!;
      this.#entries[hole] = this.#entries[slot];
      hole = slot;
    }
    this.#hashes[hole] = 0;
    this.#entries[hole] = undefined;
  }

  /** Takes all names out. */
  clear(): void {
    this.#hashes = new Int32Array(FIRST_SLOTS);
    this.#entries = new Array(FIRST_SLOTS).fill(undefined);
    this.#shift = 32 - Math.log2(FIRST_SLOTS);
    this.#size = 0;
  }

  /** Odd, so that 0 means an empty slot; the lowest bit is none of the good ones. */
  #hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0;
    for (let at = start; at < end; at++) {
      hash = (hash + Math.imul(this.#factors[at - start]!, bytes[at]!)) | 0;
    }
    return hash | 1;
  }

  /** The slot of a name, or -1. */
  #find(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const hashes = this.#hashes;
    const mask = hashes.length - 1;
    for (let slot = hash >>> this.#shift; hashes[slot] !== 0; slot = (slot + 1) & mask) {
      if (hashes[slot] === hash && isAt(this.#entries[slot]!.name, bytes, start, length)) {
        return slot;
      }
    }
    return -1;
  }

  #grow(): void {
    const entries = this.#entries;
    this.#hashes = new Int32Array(2 * entries.length);
    this.#entries = new Array(2 * entries.length).fill(undefined);
    this.#shift--;
    for (const entry of entries) if (entry) this.#put(entry);
  }

  #put(entry: Entry<Value>): void {
    const mask = this.#entries.length - 1;
    let slot = entry.hash >>> this.#shift;
    while (this.#hashes[slot] !== 0) slot = (slot + 1) & mask;
    this.#hashes[slot] = entry.hash;
    this.#entries[slot] = entry;
  }
}

function isAt(name: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}
