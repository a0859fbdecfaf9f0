/**
 * What is known by the id of a message, asked with the id's 16 bytes as four numbers, so that no string
 * is made of them. Owns hashing and probing; knows nothing of what is in it.
 *
 * @module
 */
import type { MessageId } from "@netlab/protocol/codec";

export type { MessageId } from "@netlab/protocol/codec";

/** Any numbers that mix well. */
const FACTORS = Int32Array.of(0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f);

/** Slots at first; a power of two, as all later numbers of slots are. */
const FIRST_SLOTS = 16;

/** What the numbers of an id count for in its hash: the first four of `factors`, each made odd. */
export function idFactors(factors: Int32Array): Int32Array {
  return factors.slice(0, 4).map((factor) => factor | 1);
}

/** The hash of an id with {@linkcode idFactors}. Odd, so that 0 can mean an empty slot. */
export function hashOfId(f: Int32Array, a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a ^ f[0]!, f[1]!);
  hash = Math.imul(b ^ hash ^ (hash >>> 15), f[2]!);
  hash = Math.imul(c ^ hash ^ (hash >>> 13), f[3]!);
  hash = Math.imul(d ^ hash ^ (hash >>> 15), f[1]!);
  return hash | 1;
}

/**
 * Open addressing with linear probing, as {@linkcode NameTable} has it. Ids are chosen by strangers, so
 * the hash is made with random factors. A `Map` by strings took seven times as long, most of it for
 * the strings.
 */
export class IdTable<Value extends MessageId> {
  readonly #factors: Int32Array;
  #hashes = new Int32Array(FIRST_SLOTS);
  #values: (Value | undefined)[] = new Array(FIRST_SLOTS).fill(undefined);
  #shift = 32 - Math.log2(FIRST_SLOTS);
  #size = 0;

  /**
   * An empty table.
   *
   * @param factors Begins with four numbers of 32 bits that nobody can foresee, where strangers could
   *   gather many ids that collide; a client that holds few, or its own alone, does without.
   */
  constructor(factors: Int32Array = FACTORS) {
    this.#factors = idFactors(factors);
  }

  /** How many are in it. */
  get size(): number {
    return this.#size;
  }

  /** Whose id that is: 16 bytes as four numbers, `words` from `at` on. */
  find(words: Int32Array, at: number): Value | undefined {
    const slot = this.#find(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    return slot < 0 ? undefined : this.#values[slot];
  }

  /** Whether one with the id of `value` is in. */
  has({ id0, id1, id2, id3 }: MessageId): boolean {
    return this.#find(id0, id1, id2, id3) >= 0;
  }

  /** Puts one in; none with its id is there. */
  add(value: Value): void {
    if (4 * this.#size >= 3 * this.#values.length) this.#grow();
    this.#put(value, hashOfId(this.#factors, value.id0, value.id1, value.id2, value.id3));
    this.#size++;
  }

  /** Takes out what has the id of `value`, if it is in; whether it was. */
  delete({ id0, id1, id2, id3 }: MessageId): boolean {
    let hole = this.#find(id0, id1, id2, id3);
    if (hole < 0) return false;
    this.#size--;
    const hashes = this.#hashes;
    const values = this.#values;
    const mask = values.length - 1;
    // Whatever had to go on because the slot was taken comes back, so that no search ends too early.
    for (let slot = (hole + 1) & mask; hashes[slot] !== 0; slot = (slot + 1) & mask) {
      const home = hashes[slot]! >>> this.#shift;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      hashes[hole] = hashes[slot]!;
      values[hole] = values[slot];
      hole = slot;
    }
    hashes[hole] = 0;
    values[hole] = undefined;
    return true;
  }

  #find(a: number, b: number, c: number, d: number): number {
    const hash = hashOfId(this.#factors, a, b, c, d);
    const hashes = this.#hashes;
    const mask = hashes.length - 1;
    for (let slot = hash >>> this.#shift; hashes[slot] !== 0; slot = (slot + 1) & mask) {
      if (hashes[slot] !== hash) continue;
      const value = this.#values[slot]!;
      if (value.id3 === d && value.id2 === c && value.id1 === b && value.id0 === a) return slot;
    }
    return -1;
  }

  #put(value: Value, hash: number): void {
    const mask = this.#values.length - 1;
    let slot = hash >>> this.#shift;
    while (this.#hashes[slot] !== 0) slot = (slot + 1) & mask;
    this.#hashes[slot] = hash;
    this.#values[slot] = value;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const values = this.#values;
    this.#hashes = new Int32Array(2 * values.length);
    this.#values = new Array(2 * values.length).fill(undefined);
    this.#shift--;
    for (let slot = 0; slot < values.length; slot++) {
      const value = values[slot];
      if (value) this.#put(value, hashes[slot]!);
    }
  }
}
