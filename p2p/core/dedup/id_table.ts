/**
 * A hash table of values by the id of a message. An id is looked up as four numbers, so no string is made
 * of it. Owns the hash of an id; knows nothing else of the values.
 *
 * @module
 */
import type { MessageId } from "@netlab/protocol/codec";
import { HashTable } from "./hash_table.ts";

export type { MessageId } from "@netlab/protocol/codec";

/** Factors for tables that hold few ids: any numbers that mix well. */
const FACTORS = Int32Array.of(0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f);

/** The factors of {@linkcode hashOfId}: the first four of `factors`, each made odd. */
export function idFactors(factors: Int32Array): Int32Array {
  return factors.slice(0, 4).map((factor) => factor | 1);
}

/** The hash of an id, made with {@linkcode idFactors}. It is odd, so it is never 0. */
export function hashOfId(f: Int32Array, a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a ^ f[0]!, f[1]!);
  hash = Math.imul(b ^ hash ^ (hash >>> 15), f[2]!);
  hash = Math.imul(c ^ hash ^ (hash >>> 13), f[3]!);
  hash = Math.imul(d ^ hash ^ (hash >>> 15), f[1]!);
  return hash | 1;
}

/** A table of values, each of which has the id of a message. */
export class IdTable<Value extends MessageId> extends HashTable<(Value | undefined)[]> {
  readonly #factors: Int32Array;

  /**
   * An empty table.
   *
   * @param factors Begins with four random 32-bit numbers. Strangers choose the ids of their messages, and
   *   without these numbers they could choose many that collide. A client does without them, because its
   *   tables hold few ids.
   */
  constructor(factors: Int32Array = FACTORS) {
    super((length) => new Array(length).fill(undefined), 1);
    this.#factors = idFactors(factors);
  }

  /** The value whose id is the four numbers in `words` from `at` on. */
  find(words: Int32Array, at: number): Value | undefined {
    const slot = this.#slotOf(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    return slot < 0 ? undefined : this.elements[slot];
  }

  /** The value that has the same id as `other`. */
  get({ id0, id1, id2, id3 }: MessageId): Value | undefined {
    const slot = this.#slotOf(id0, id1, id2, id3);
    return slot < 0 ? undefined : this.elements[slot];
  }

  /** Whether a value has the same id as `other`. */
  has(other: MessageId): boolean {
    return this.get(other) !== undefined;
  }

  /** Adds a value. No value in the table has its id. */
  add(value: Value): void {
    const hash = hashOfId(this.#factors, value.id0, value.id1, value.id2, value.id3);
    const slot = this.insert(hash);
    this.elements[slot] = value;
  }

  /** Deletes the value that has the same id as `other`. Returns whether there was one. */
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

  /** The hash of the id in a slot. */
  protected override hashOf(slot: number): number {
    const { id0, id1, id2, id3 } = this.elements[slot]!;
    return hashOfId(this.#factors, id0, id1, id2, id3);
  }
}
