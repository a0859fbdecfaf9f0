/**
 * The core of the hash tables in this folder. Decides which slot an entry takes, and which entries move when
 * the table grows or an entry is deleted. Works with hashes only: subclasses define the keys and values.
 *
 * @module
 */
import { invariant } from "@netlab/protocol/codec";

/** The number of slots in an empty table. The number of slots is always a power of two. */
const MIN_SLOTS = 16;

/** An array for keys and values, with an equal number of elements for each slot. */
export interface Indexed {
  /** One element of a slot. */
  [index: number]: unknown;
}

/**
 * A hash table with open addressing and linear probing. The top bits of the hash select the home slot. If it
 * is occupied, the entry goes into the next free slot. Deletion moves later entries back, so a search can
 * stop at the first empty slot, and deleted entries leave nothing behind.
 *
 * A subclass contains its own search loop, so that V8 compiles the comparison of keys into the loop:
 *
 * ```ts ignore
 * for (let slot = this.firstSlot(hash); slot >= 0; slot = this.nextSlot(slot, hash)) {
 *   if (isEqual(this.elements[slot], key)) return slot;
 * }
 * ```
 */
export abstract class HashTable<ElementArray extends Indexed> {
  /** The keys and values. The elements of a slot start at the slot number times the width. */
  protected elements: ElementArray;
  readonly #create: (length: number) => ElementArray;
  readonly #width: number;
  /** The elements that an empty slot has. */
  readonly #empty: ElementArray;
  /** The hash of the entry in each slot; 0 marks an empty slot. */
  #hashes = new Int32Array(MIN_SLOTS);
  /** The number of bits by which a hash is shifted right to get its home slot. */
  #shift = 32 - Math.log2(MIN_SLOTS);
  #size = 0;

  /** Makes an empty table. `create` makes empty elements; each slot has `width` of them. */
  constructor(create: (length: number) => ElementArray, width: number) {
    this.#create = create;
    this.#width = width;
    this.#empty = create(width);
    this.elements = create(MIN_SLOTS * width);
  }

  /** The number of entries. */
  get size(): number {
    return this.#size;
  }

  /** The number of slots. */
  protected get slots(): number {
    return this.#hashes.length;
  }

  /** Returns the hash of the entry in a slot, or 0 if the slot is empty. */
  protected hashAt(slot: number): number {
    return this.#hashes[slot]!;
  }

  /** Returns the first slot whose entry has this hash, or -1. */
  protected firstSlot(hash: number): number {
    return this.#search(hash >>> this.#shift, hash);
  }

  /** Returns the next slot after `slot` whose entry has this hash, or -1. */
  protected nextSlot(slot: number, hash: number): number {
    return this.#search((slot + 1) & (this.#hashes.length - 1), hash);
  }

  /**
   * Takes a slot for a new entry and returns its number. The hash must not be 0. The caller fills the
   * elements.
   */
  protected insert(hash: number): number {
    if (4 * this.#size >= 3 * this.#hashes.length) this.#resize(2 * this.#hashes.length);
    this.#size++;
    return this.#claim(hash);
  }

  /** Deletes the entry in a slot. Another entry may move into the slot. */
  protected remove(slot: number): void {
    const hashes = this.#hashes;
    const mask = hashes.length - 1;
    let hole = slot;
    for (let next = (hole + 1) & mask; hashes[next] !== 0; next = (next + 1) & mask) {
      const home = hashes[next]! >>> this.#shift;
      // A search for this entry starts after the hole, so the entry can stay.
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      hashes[hole] = hashes[next]!;
      this.#copy(this.elements, next, hole);
      hole = next;
    }
    hashes[hole] = 0;
    // Clears the elements, because an empty slot must not keep an object alive.
    this.#copy(this.#empty, 0, hole);
    this.#size--;
  }

  /** Deletes all entries. */
  clear(): void {
    this.#size = 0;
    this.#hashes.fill(0);
    this.#resize(MIN_SLOTS);
  }

  /** Reduces the number of slots if fewer than one in 16 is occupied. */
  protected shrink(): void {
    let { length } = this.#hashes;
    while (16 * this.#size < length && length > MIN_SLOTS) length /= 2;
    if (length < this.#hashes.length) this.#resize(length);
  }

  /**
   * Checks the invariants of the table. Visits each slot, so only tests and the simulator call it.
   *
   * @throws {Error} When the number of entries is wrong, or when a search would miss an entry.
   */
  check(): void {
    const hashes = this.#hashes;
    const mask = hashes.length - 1;
    let taken = 0;
    for (let slot = 0; slot < hashes.length; slot++) {
      const hash = hashes[slot]!;
      if (hash === 0) continue;
      taken++;
      if (hash !== this.hashOf(slot)) throw new Error(`Slot ${slot} has the hash of another key`);
      for (let before = hash >>> this.#shift; before !== slot; before = (before + 1) & mask) {
        if (hashes[before] === 0) throw new Error(`No search finds the entry in slot ${slot}`);
      }
    }
    if (taken !== this.#size) throw new Error(`${taken} slots are taken, not ${this.#size}`);
  }

  /** Computes the hash of the key in a slot from its elements. */
  protected abstract hashOf(slot: number): number;

  #search(from: number, hash: number): number {
    const hashes = this.#hashes;
    const mask = hashes.length - 1;
    for (let slot = from; hashes[slot] !== 0; slot = (slot + 1) & mask) {
      if (hashes[slot] === hash) return slot;
    }
    return -1;
  }

  #claim(hash: number): number {
    const hashes = this.#hashes;
    const mask = hashes.length - 1;
    let slot = hash >>> this.#shift;
    while (hashes[slot] !== 0) slot = (slot + 1) & mask;
    hashes[slot] = hash;
    return slot;
  }

  #copy(source: ElementArray, from: number, to: number): void {
    const width = this.#width;
    const elements = this.elements;
    for (let i = 0; i < width; i++) elements[to * width + i] = source[from * width + i]!;
  }

  #resize(slots: number): void {
    const hashes = this.#hashes;
    const elements = this.elements;
    this.#hashes = new Int32Array(slots);
    this.#shift = 32 - Math.log2(slots);
    this.elements = this.#create(slots * this.#width);
    for (let slot = 0; slot < hashes.length; slot++) {
      if (hashes[slot] !== 0) this.#copy(elements, slot, this.#claim(hashes[slot]!));
    }
    invariant(() => {
      this.check();
      return true;
    }, "a table that was resized is consistent");
  }
}
