/**
 * Maps the ids of spilled messages to their offsets in the store. The table consists of typed arrays, so the
 * garbage collector does not have to visit a million objects. Does not know what an offset means.
 *
 * @module
 */
import type { MessageId } from "@netlab/protocol/codec";
import { HashTable } from "./hash_table.ts";
import { hashOfId, idFactors } from "./id_table.ts";

/** The number of parts of a table, a power of two. Each part grows alone, so that no step takes long. */
const PARTS = 256;
/** The factor by which the high half of an offset is multiplied. */
const HIGH = 2 ** 32;

/**
 * A hash table of offsets. It stores 64 bits of hash instead of each id, which makes it a third smaller. The
 * hashes have random factors, so nobody can choose two ids with equal hashes. One id may have several
 * offsets.
 */
export class OffsetTable {
  readonly #firstFactors: Int32Array;
  readonly #secondFactors: Int32Array;
  readonly #parts: (Part | undefined)[] = new Array(PARTS).fill(undefined);
  #size = 0;

  /** Makes an empty table. `factors` starts with eight random 32-bit numbers. */
  constructor(factors: Int32Array) {
    this.#firstFactors = idFactors(factors);
    this.#secondFactors = idFactors(factors.subarray(4));
  }

  /** The number of offsets in the table. */
  get size(): number {
    return this.#size;
  }

  /** Returns an offset of the message whose id is the four 32-bit numbers in `words`, or 0 if there is none. */
  find(words: Int32Array): number {
    if (this.#size === 0) return 0;
    const first = hashOfId(this.#firstFactors, words[0]!, words[1]!, words[2]!, words[3]!);
    const part = this.#parts[partOf(first)];
    if (!part) return 0;
    const second = hashOfId(this.#secondFactors, words[0]!, words[1]!, words[2]!, words[3]!);
    return part.find(first, second);
  }

  /** Adds an offset of a message. The offset must not be 0. */
  add({ id0, id1, id2, id3 }: MessageId, offset: number): void {
    const first = hashOfId(this.#firstFactors, id0, id1, id2, id3);
    const second = hashOfId(this.#secondFactors, id0, id1, id2, id3);
    const part = this.#parts[partOf(first)] ??= new Part();
    part.add(first, second, offset);
    this.#size++;
  }

  /** Deletes one offset of a message. Returns whether the table had it. */
  delete({ id0, id1, id2, id3 }: MessageId, offset: number): boolean {
    const first = hashOfId(this.#firstFactors, id0, id1, id2, id3);
    const second = hashOfId(this.#secondFactors, id0, id1, id2, id3);
    const isDeleted = this.#parts[partOf(first)]?.delete(first, second, offset) ?? false;
    if (isDeleted) this.#size--;
    return isDeleted;
  }

  /**
   * Deletes all offsets from `first` to before `first + count`. Visits every offset in the table. Returns how
   * many were deleted.
   */
  deleteRange(first: number, count: number): number {
    const before = this.#size;
    for (const part of this.#parts) this.#size -= part?.deleteRange(first, count) ?? 0;
    return before - this.#size;
  }

  /**
   * Checks the invariants of all parts. Only for tests and the simulator.
   *
   * @throws {Error} When {@linkcode HashTable.check} throws, or when the number of offsets is wrong.
   */
  check(): void {
    let size = 0;
    for (const part of this.#parts) {
      part?.check();
      size += part?.size ?? 0;
    }
    if (size !== this.#size) throw new Error(`The parts have ${size} offsets, not ${this.#size}`);
  }
}

/** Returns the part that a hash belongs to. Uses low bits of the hash, because home slots use the top bits. */
function partOf(hash: number): number {
  return (hash >>> 1) & (PARTS - 1);
}

/** The number of elements in a slot: the second hash, then the low half and the high half of the offset. */
const WIDTH = 3;

class Part extends HashTable<Int32Array> {
  constructor() {
    super((length) => new Int32Array(length), WIDTH);
  }

  /** Returns an offset with these hashes, or 0 if there is none. */
  find(first: number, second: number): number {
    for (let slot = this.firstSlot(first); slot >= 0; slot = this.nextSlot(slot, first)) {
      if (this.elements[WIDTH * slot] === second) return this.#offsetAt(slot);
    }
    return 0;
  }

  add(first: number, second: number, offset: number): void {
    const at = WIDTH * this.insert(first);
    const elements = this.elements;
    elements[at] = second;
    elements[at + 1] = offset | 0;
    elements[at + 2] = Math.floor(offset / HIGH);
  }

  delete(first: number, second: number, offset: number): boolean {
    for (let slot = this.firstSlot(first); slot >= 0; slot = this.nextSlot(slot, first)) {
      if (this.elements[WIDTH * slot] !== second || this.#offsetAt(slot) !== offset) continue;
      this.remove(slot);
      this.shrink();
      return true;
    }
    return false;
  }

  deleteRange(first: number, count: number): number {
    const before = this.size;
    for (let slot = 0; slot < this.slots;) {
      const offset = this.#offsetAt(slot);
      // After a deletion, this slot may have another entry. Check it again.
      if (offset >= first && offset < first + count) this.remove(slot);
      else slot++;
    }
    this.shrink();
    return before - this.size;
  }

  override check(): void {
    super.check();
    if (this.slots > Math.max(16, 16 * this.size)) {
      throw new Error(`${this.size} offsets take ${this.slots} slots`);
    }
  }

  /** Returns the offset in a slot, or 0 if the slot is empty. */
  #offsetAt(slot: number): number {
    const elements = this.elements;
    return elements[WIDTH * slot + 2]! * HIGH + (elements[WIDTH * slot + 1]! >>> 0);
  }

  /** Returns the stored hash. It cannot be computed, because the table does not contain the id. */
  protected override hashOf(slot: number): number {
    return this.hashAt(slot);
  }
}
