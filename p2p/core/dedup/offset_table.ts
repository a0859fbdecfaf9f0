/**
 * Where in the store the messages are that a server keeps and does not have in memory, by their ids.
 * Numbers in a few pieces of memory, so that a million of them give the garbage collector nothing to
 * do. Owns finding them; knows nothing of what a place is.
 *
 * @module
 */
import { hashOfId, idFactors, type MessageId } from "./id_table.ts";

/** Parts, each of which grows when it is full: so none ever takes long. A power of two. */
const PARTS = 256;
/** Slots of a part at first; a power of two, as all later numbers of slots are. */
const FIRST_SLOTS = 16;
/** A slot has four numbers of 32 bits: two hashes of the id, and the low and the high half of the place. */
const WORDS = 4;
const HIGH = 2 ** 32;

/**
 * A table by 64 bits of hash, made with random factors, so that nobody can choose two ids with the same
 * ones; with the ids themselves it would be half as large again. Of one id there may be several places.
 */
export class OffsetTable {
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  readonly #parts: (Part | undefined)[] = new Array(PARTS).fill(undefined);
  #size = 0;

  /** An empty table; `factors` begins with eight numbers of 32 bits that nobody can foresee. */
  constructor(factors: Int32Array) {
    this.#first = idFactors(factors);
    this.#second = idFactors(factors.subarray(4));
  }

  /** How many are in it. */
  get size(): number {
    return this.#size;
  }

  /** Where the message is whose id is the four numbers of 32 bits in `words`; 0 when it is not known. */
  find(words: Int32Array): number {
    if (this.#size === 0) return 0;
    const first = hashOfId(this.#first, words[0]!, words[1]!, words[2]!, words[3]!);
    const part = this.#parts[partOf(first)];
    if (!part) return 0;
    const second = hashOfId(this.#second, words[0]!, words[1]!, words[2]!, words[3]!);
    const slot = part.find(first, second, 0);
    return slot < 0 ? 0 : part.offsetAt(slot);
  }

  /** A message is at `place`, which is not 0. */
  add({ id0, id1, id2, id3 }: MessageId, offset: number): void {
    const first = hashOfId(this.#first, id0, id1, id2, id3);
    const second = hashOfId(this.#second, id0, id1, id2, id3);
    const part = this.#parts[partOf(first)] ??= new Part();
    part.add(first, second, offset);
    this.#size++;
  }

  /** The message with that id is at `place` no more; whether it was. */
  delete({ id0, id1, id2, id3 }: MessageId, offset: number): boolean {
    const first = hashOfId(this.#first, id0, id1, id2, id3);
    const part = this.#parts[partOf(first)];
    const slot = part?.find(first, hashOfId(this.#second, id0, id1, id2, id3), offset) ?? -1;
    if (slot < 0) return false;
    part!.delete(slot);
    this.#size--;
    return true;
  }

  /** Nothing is at those places any more, which takes a look at all there are; how many there were. */
  deleteAt(offset: number, count: number): number {
    const before = this.#size;
    for (const part of this.#parts) this.#size -= part?.deleteAt(offset, count) ?? 0;
    return before - this.#size;
  }
}

/** Bits of the hash that do not say which slot it is. */
function partOf(hash: number): number {
  return (hash >>> 1) & (PARTS - 1);
}

/** Open addressing with linear probing, as {@linkcode IdTable}. */
class Part {
  #slots = FIRST_SLOTS;
  #words = new Int32Array(WORDS * FIRST_SLOTS);
  #size = 0;

  offsetAt(slot: number): number {
    const words = this.#words;
    return words[WORDS * slot + 3]! * HIGH + (words[WORDS * slot + 2]! >>> 0);
  }

  /** The slot with those hashes and that place, or, when `place` is 0, any; negative when there is none. */
  find(first: number, second: number, offset: number): number {
    const words = this.#words;
    const mask = this.#slots - 1;
    for (let slot = this.#home(first); words[WORDS * slot] !== 0; slot = (slot + 1) & mask) {
      if (words[WORDS * slot] !== first || words[WORDS * slot + 1] !== second) continue;
      if (offset === 0 || offset === this.offsetAt(slot)) return slot;
    }
    return -1;
  }

  add(first: number, second: number, offset: number): void {
    if (4 * this.#size >= 3 * this.#slots) this.#resize(2 * this.#slots);
    this.#put(first, second, offset | 0, Math.floor(offset / HIGH));
    this.#size++;
  }

  /** Empties a slot. Whatever had to go on because it was taken comes back. */
  delete(hole: number): void {
    const words = this.#words;
    const mask = this.#slots - 1;
    for (let slot = (hole + 1) & mask; words[WORDS * slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#home(words[WORDS * slot]!);
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      words.copyWithin(WORDS * hole, WORDS * slot, WORDS * (slot + 1));
      hole = slot;
    }
    words[WORDS * hole] = 0;
    this.#size--;
    if (16 * this.#size < this.#slots && this.#slots > FIRST_SLOTS) this.#resize(this.#slots / 2);
  }

  deleteAt(offset: number, count: number): number {
    const hashes: [number, number, number][] = [];
    for (let slot = 0; slot < this.#slots; slot++) {
      const its = this.offsetAt(slot);
      if (this.#words[WORDS * slot] === 0 || its < offset || its >= offset + count) continue;
      hashes.push([this.#words[WORDS * slot]!, this.#words[WORDS * slot + 1]!, its]);
    }
    for (const its of hashes) this.delete(this.find(...its));
    return hashes.length;
  }

  #home(hash: number): number {
    return hash >>> (Math.clz32(this.#slots) + 1);
  }

  #put(first: number, second: number, low: number, high: number): void {
    const words = this.#words;
    const mask = this.#slots - 1;
    let slot = this.#home(first);
    while (words[WORDS * slot] !== 0) slot = (slot + 1) & mask;
    const at = WORDS * slot;
    words[at] = first;
    words[at + 1] = second;
    words[at + 2] = low;
    words[at + 3] = high;
  }

  #resize(slots: number): void {
    const words = this.#words;
    this.#words = new Int32Array(WORDS * slots);
    this.#slots = slots;
    for (let at = 0; at < words.length; at += WORDS) {
      if (words[at] !== 0) this.#put(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    }
  }
}
