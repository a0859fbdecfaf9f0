/**
 * A hash table from user names to values. Looks names up by their bytes in a frame and creates no strings.
 * Owns the hash of a name. Does not know what the values are.
 *
 * @module
 */
import { MAX_NAME_BYTES } from "@netlab/protocol/codec";
import { HashTable } from "./hash_table.ts";

/** Random factors, one for each position in a name. {@linkcode nameFactors} makes them. */
export type NameFactors = Int32Array;

/** Makes the factors for the tables of one process. `random` returns unpredictable numbers from 0 to below 1. */
export function nameFactors(random: () => number): NameFactors {
  return Int32Array.from({ length: MAX_NAME_BYTES }, () => Math.floor(random() * 2 ** 32) | 0);
}

/** A name and its value. */
export interface NameEntry<Value> {
  /** The name in UTF-8. */
  readonly name: Uint8Array;
  /** The current value. */
  value: Value;
}

/**
 * A hash table of values. The keys are user names in UTF-8.
 *
 * Users choose their names, so the hash must resist chosen collisions. Each position in a name has a random
 * factor. The factors are multiplied by the bytes, and the top bits of the sum are the hash. This is
 * multilinear hashing, which is strongly universal in its top 25 bits (Dietzfelbinger 1996, Lemire and Kaser
 * 2014).
 */
export class NameTable<Value> extends HashTable<(NameEntry<Value> | undefined)[]> {
  /**
   * The position of the NUL that the last call of {@linkcode NameTable.findBeforeNul} found, or -1 if there
   * was none.
   */
  nul: number = -1;
  readonly #factors: NameFactors;

  /** Makes an empty table. */
  constructor(factors: NameFactors) {
    super((length) => new Array(length).fill(undefined), 1);
    this.#factors = factors;
  }

  /**
   * Returns the value for the name that starts at `start` and ends before the next NUL below `end`. Sets
   * {@linkcode NameTable.nul}.
   */
  findBeforeNul(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const factors = this.#factors;
    const last = Math.min(end, start + MAX_NAME_BYTES + 1);
    let hash = 0;
    for (let at = start; at < last; at++) {
      const byte = bytes[at]!;
      if (byte === 0) {
        this.nul = at;
        const slot = this.#slotOf(hash | 1, bytes, start, at - start);
        return slot < 0 ? undefined : this.elements[slot]!.value;
      }
      hash = (hash + Math.imul(factors[at - start]!, byte)) | 0;
    }
    this.nul = -1;
    return undefined;
  }

  /** Returns the value for the name in `bytes` from `start` to `end`, which has at most 255 bytes. */
  find(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const slot = this.#slotOf(this.#hash(bytes, start, end), bytes, start, end - start);
    return slot < 0 ? undefined : this.elements[slot]!.value;
  }

  /** Returns the value for a name. */
  get(name: Uint8Array): Value | undefined {
    return this.find(name, 0, name.length);
  }

  /** Sets the value of a name. */
  set(name: Uint8Array, value: Value): void {
    const hash = this.#hash(name, 0, name.length);
    const slot = this.#slotOf(hash, name, 0, name.length);
    if (slot >= 0) {
      this.elements[slot]!.value = value;
      return;
    }
    const free = this.insert(hash);
    this.elements[free] = { name: name.slice(), value };
  }

  /** Deletes a name if it is in the table. */
  delete(name: Uint8Array): void {
    const slot = this.#slotOf(this.#hash(name, 0, name.length), name, 0, name.length);
    if (slot >= 0) this.remove(slot);
  }

  /**
   * Computes the hash of a name. Sets the lowest bit, so the hash is never 0. That bit is not among the 25
   * good ones.
   */
  #hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0;
    for (let at = start; at < end; at++) {
      hash = (hash + Math.imul(this.#factors[at - start]!, bytes[at]!)) | 0;
    }
    return hash | 1;
  }

  #slotOf(hash: number, bytes: Uint8Array, start: number, length: number): number {
    for (let slot = this.firstSlot(hash); slot >= 0; slot = this.nextSlot(slot, hash)) {
      if (isAt(this.elements[slot]!.name, bytes, start, length)) return slot;
    }
    return -1;
  }

  /** Computes the hash of the name in a slot. */
  protected override hashOf(slot: number): number {
    const { name } = this.elements[slot]!;
    return this.#hash(name, 0, name.length);
  }
}

function isAt(name: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}
