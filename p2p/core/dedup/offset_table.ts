/**
 * Where the spilled messages are in the store, by their ids. The table consists of typed arrays, so a
 * million messages give the garbage collector nothing to do. Knows nothing of what an offset means.
 *
 * @module
 */
import type { MessageId } from "@netlab/protocol/codec";
import { HashTable } from "./hash_table.ts";
import { hashOfId, idFactors } from "./id_table.ts";

/** Parts of a table. Each grows alone, so that no step takes long. A power of two. */
const PARTS = 256;
/** The high half of an offset counts this much. */
const HIGH = 2 ** 32;

/**
 * A table by 64 bits of hash instead of the id, which makes it a third smaller. The hashes have random
 * factors, so that nobody can choose two ids with the same ones. One id may have several offsets.
 */
export class OffsetTable {
  readonly #firstFactors: Int32Array;
  readonly #secondFactors: Int32Array;
  readonly #parts: (Part | undefined)[] = new Array(PARTS).fill(undefined);
  #size = 0;

  /** An empty table; `factors` begins with eight random 32-bit numbers. */
  constructor(factors: Int32Array) {
    this.#firstFactors = idFactors(factors);
    this.#secondFactors = idFactors(factors.subarray(4));
  }

  /** The number of offsets. */
  get size(): number {
    return this.#size;
  }

  /** An offset of the message whose id is the four numbers in `words`; 0 when there is none. */
  find(words: Int32Array): number {
    if (this.#size === 0) return 0;
    const first = hashOfId(this.#firstFactors, words[0]!, words[1]!, words[2]!, words[3]!);
    const part = this.#parts[partOf(first)];
    if (!part) return 0;
    const second = hashOfId(this.#secondFactors, words[0]!, words[1]!, words[2]!, words[3]!);
    return part.find(first, second);
  }

  /** Adds the offset of a message. It is not 0. */
  add({ id0, id1, id2, id3 }: MessageId, offset: number): void {
    const first = hashOfId(this.#firstFactors, id0, id1, id2, id3);
    const second = hashOfId(this.#secondFactors, id0, id1, id2, id3);
    const part = this.#parts[partOf(first)] ??= new Part();
    part.add(first, second, offset);
    this.#size++;
  }

  /** Deletes this offset of a message. Returns whether it was in the table. */
  delete({ id0, id1, id2, id3 }: MessageId, offset: number): boolean {
    const first = hashOfId(this.#firstFactors, id0, id1, id2, id3);
    const second = hashOfId(this.#secondFactors, id0, id1, id2, id3);
    const isDeleted = this.#parts[partOf(first)]?.delete(first, second, offset) ?? false;
    if (isDeleted) this.#size--;
    return isDeleted;
  }

  /**
   * Deletes the offsets from `first` to before `first + count`, whatever their ids. Looks at all offsets in
   * the table. Returns how many were deleted.
   */
  deleteRange(first: number, count: number): number {
    const before = this.#size;
    for (const part of this.#parts) this.#size -= part?.deleteRange(first, count) ?? 0;
    return before - this.#size;
  }

  /**
   * Checks the invariants of all parts; only for tests and the simulator.
   *
   * @throws {Error} As {@linkcode HashTable.check}.
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

/** The part that a hash belongs to. Home slots depend on the top bits, so these are other bits. */
function partOf(hash: number): number {
  return (hash >>> 1) & (PARTS - 1);
}

/** Elements of a slot: the second hash, then the low and the high half of the offset. */
const WIDTH = 3;

class Part extends HashTable<Int32Array> {
  constructor() {
    super((length) => new Int32Array(length), WIDTH);
  }

  /** An offset with these hashes, or 0. */
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
      // After a deletion this slot may have another entry, which is looked at next.
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

  /** The offset in a slot; 0 when the slot is empty. */
  #offsetAt(slot: number): number {
    const elements = this.elements;
    return elements[WIDTH * slot + 2]! * HIGH + (elements[WIDTH * slot + 1]! >>> 0);
  }

  /** The id is not in the table, so its hash cannot be checked. */
  protected override hashOf(slot: number): number {
    return this.hashAt(slot);
  }
}
