/**
 * A hash table from message ids to values. Looks ids up as four numbers and creates no strings. Owns the hash
 * of an id. Uses nothing else of the values.
 *
 * @module
 */
import type { MessageId } from "@netlab/protocol/codec";
import { HashTable } from "./hash_table.ts";

export type { MessageId } from "@netlab/protocol/codec";

/** The default factors, for tables that hold few ids. Any numbers that mix well would do. */
const FACTORS = Int32Array.of(0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f);

/** Makes the factors for {@linkcode hashOfId}: takes the first four of `factors` and makes each one odd. */
export function idFactors(factors: Int32Array): Int32Array {
  return factors.slice(0, 4).map((factor) => factor | 1);
}

/**
 * Computes the hash of an id, given as four 32-bit numbers. `f` comes from {@linkcode idFactors}. The hash is
 * odd, so it is never 0.
 */
export function hashOfId(f: Int32Array, a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a ^ f[0]!, f[1]!);
  hash = Math.imul(b ^ hash ^ (hash >>> 15), f[2]!);
  hash = Math.imul(c ^ hash ^ (hash >>> 13), f[3]!);
  hash = Math.imul(d ^ hash ^ (hash >>> 15), f[1]!);
  return hash | 1;
}

/** A hash table of values. The key of a value is its message id. */
export class IdTable<Value extends MessageId> extends HashTable<(Value | undefined)[]> {
  readonly #factors: Int32Array;

  /**
   * Makes an empty table.
   *
   * @param factors Starts with four random 32-bit numbers. Clients choose ids. Without random factors they
   *   could choose ids that collide. The default is not random and suits tables that hold few ids.
   */
  constructor(factors: Int32Array = FACTORS) {
    super((length) => new Array(length).fill(undefined), 1);
    this.#factors = idFactors(factors);
  }

  /** Returns the value for the id in `words`, which starts at index `at` and has four 32-bit numbers. */
  find(words: Int32Array, at: number): Value | undefined {
    const slot = this.#slotOf(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    return slot < 0 ? undefined : this.elements[slot];
  }

  /** Returns the value for the id of `other`. */
  get({ id0, id1, id2, id3 }: MessageId): Value | undefined {
    const slot = this.#slotOf(id0, id1, id2, id3);
    return slot < 0 ? undefined : this.elements[slot];
  }

  /** Returns whether the table has a value for the id of `other`. */
  has(other: MessageId): boolean {
    return this.get(other) !== undefined;
  }

  /** Adds a value. The table must not have a value with this id. */
  add(value: Value): void {
    const hash = hashOfId(this.#factors, value.id0, value.id1, value.id2, value.id3);
    const slot = this.insert(hash);
    this.elements[slot] = value;
  }

  /** Deletes the value for the id of `other`. Returns whether there was one. */
  delete({ id0, id1, id2, id3 }: MessageId): boolean {
    const slot = this.#slotOf(id0, id1, id2, id3);
    if (slot < 0) return false;
    this.remove(slot);
    return true;
  }

  #slotOf(a: number, b: number, c: number, d: number): number {
    const hash = hashOfId(this.#factors, a, b, c, d);
    for (let slot = this.firstSlot(hash); slot >= 0; slot = this.nextSlot(slot, hash)) {
      const value = this.elements[slot]!;
      if (value.id3 === d && value.id2 === c && value.id1 === b && value.id0 === a) return slot;
    }
    return -1;
  }

  /** Computes the hash of the id in a slot. */
  protected override hashOf(slot: number): number {
    const { id0, id1, id2, id3 } = this.elements[slot]!;
    return hashOfId(this.#factors, id0, id1, id2, id3);
  }
}
