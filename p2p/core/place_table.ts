/**
 * Where in the store the messages are that a server keeps and does not have in memory, by their ids.
 * Numbers in one piece of memory, so that a million of them give the garbage collector nothing to do.
 * Owns finding them; knows nothing of what a place is.
 *
 * @module
 */
import { hashOfId, idFactors, type MessageId } from "./id_table.ts";

/** Slots at first; a power of two, as all later numbers of slots are. */
const FIRST_SLOTS = 16;
/** A slot has four numbers of 32 bits, the id, and one of 64, the place: 24 bytes. */
const WORDS = 6;
const NUMBERS = WORDS / 2;
/** Which of its numbers of 64 bits is the place; 0 where the slot is empty. */
const PLACE = 2;

/** Open addressing with linear probing, as {@linkcode IdTable}; of one id there may be several places. */
export class PlaceTable {
  readonly #factors: Int32Array;
  #slots = 0;
  #shift = 0;
  #ids!: Int32Array;
  #places!: Float64Array;
  #size = 0;

  /** An empty table; `factors` begins with four numbers of 32 bits that nobody can foresee. */
  constructor(factors: Int32Array) {
    this.#factors = idFactors(factors);
    this.#allocate(FIRST_SLOTS);
  }

  /** How many are in it. */
  get size(): number {
    return this.#size;
  }

  /** Where the message is whose id is the four numbers of 32 bits in `words`; 0 when it is not known. */
  find(words: Int32Array): number {
    if (this.#size === 0) return 0;
    const slot = this.#find(words[0]!, words[1]!, words[2]!, words[3]!, 0);
    return slot < 0 ? 0 : this.#places[NUMBERS * slot + PLACE]!;
  }

  /** A message is at `place`, which is not 0. */
  add({ id0, id1, id2, id3 }: MessageId, place: number): void {
    if (4 * this.#size >= 3 * this.#slots) this.#resize(2 * this.#slots);
    this.#put(id0, id1, id2, id3, place);
    this.#size++;
  }

  /** The message with that id is at `place` no more; whether it was. */
  delete({ id0, id1, id2, id3 }: MessageId, place: number): boolean {
    const slot = this.#find(id0, id1, id2, id3, place);
    if (slot < 0) return false;
    this.#close(slot);
    this.#size--;
    if (16 * this.#size < this.#slots && this.#slots > FIRST_SLOTS) this.#resize(this.#slots / 2);
    return true;
  }

  /** Nothing is at those places any more, which takes a look at all there are; how many there were. */
  deleteAt(first: number, count: number): number {
    const gone: [MessageId, number][] = [];
    for (let slot = 0; slot < this.#slots; slot++) {
      const place = this.#places[NUMBERS * slot + PLACE]!;
      if (place < first || place >= first + count) continue;
      const [id0, id1, id2, id3] = this.#ids.subarray(WORDS * slot) as unknown as Words;
      gone.push([{ id0, id1, id2, id3 }, place]);
    }
    for (const [id, place] of gone) this.delete(id, place);
    return gone.length;
  }

  #allocate(slots: number): void {
    const buffer = new ArrayBuffer(4 * WORDS * slots);
    this.#ids = new Int32Array(buffer);
    this.#places = new Float64Array(buffer);
    this.#slots = slots;
    this.#shift = 32 - Math.log2(slots);
  }

  /** The slot of an id, at that place or, when `place` is 0, anywhere; negative when there is none. */
  #find(a: number, b: number, c: number, d: number, place: number): number {
    const ids = this.#ids;
    const places = this.#places;
    const mask = this.#slots - 1;
    for (
      let slot = hashOfId(this.#factors, a, b, c, d) >>> this.#shift;;
      slot = (slot + 1) & mask
    ) {
      const its = places[NUMBERS * slot + PLACE]!;
      if (its === 0) return -1;
      const at = WORDS * slot;
      const same = ids[at + 3] === d && ids[at + 2] === c && ids[at + 1] === b && ids[at] === a;
      if (same && (place === 0 || place === its)) return slot;
    }
  }

  #put(a: number, b: number, c: number, d: number, place: number): void {
    const places = this.#places;
    const mask = this.#slots - 1;
    let slot = hashOfId(this.#factors, a, b, c, d) >>> this.#shift;
    while (places[NUMBERS * slot + PLACE] !== 0) slot = (slot + 1) & mask;
    const ids = this.#ids;
    const at = WORDS * slot;
    ids[at] = a;
    ids[at + 1] = b;
    ids[at + 2] = c;
    ids[at + 3] = d;
    places[NUMBERS * slot + PLACE] = place;
  }

  /** Empties a slot. Whatever had to go on because it was taken comes back. */
  #close(hole: number): void {
    const ids = this.#ids;
    const places = this.#places;
    const mask = this.#slots - 1;
    for (let slot = (hole + 1) & mask;; slot = (slot + 1) & mask) {
      if (places[NUMBERS * slot + PLACE] === 0) break;
      const at = WORDS * slot;
      const hash = hashOfId(this.#factors, ids[at]!, ids[at + 1]!, ids[at + 2]!, ids[at + 3]!);
      const home = hash >>> this.#shift;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      ids.copyWithin(WORDS * hole, at, at + WORDS);
      hole = slot;
    }
    places[NUMBERS * hole + PLACE] = 0;
  }

  #resize(slots: number): void {
    const ids = this.#ids;
    const places = this.#places;
    this.#allocate(slots);
    for (let at = 0, number = PLACE; at < ids.length; at += WORDS, number += NUMBERS) {
      const place = places[number]!;
      if (place !== 0) this.#put(ids[at]!, ids[at + 1]!, ids[at + 2]!, ids[at + 3]!, place);
    }
  }
}

type Words = [number, number, number, number];
