/**
 * Remembers when something is due for each of many items, so that nobody has to look at all of them. Does
 * not know what is due.
 *
 * @module
 */

/**
 * Items and the times at which they are due, in steps. Setting, deleting and finding what is due take the
 * same time for one item as for a million.
 */
export class DueTimes<Item> {
  readonly #stepMs: number;
  /** The items of each step: those that are due before its end. */
  readonly #steps = new Map<number, Set<Item>>();
  readonly #stepOf = new Map<Item, number>();
  /** No item is in an earlier step. */
  #first = 0;

  /**
   * Starts without items.
   *
   * @param stepMs How much later than due an item may be reported: milliseconds.
   */
  constructor(stepMs: number) {
    this.#stepMs = stepMs;
  }

  /** The items, in no particular order. */
  get items(): Iterable<Item> {
    return this.#stepOf.keys();
  }

  /** Returns whether the item has a time. */
  has(item: Item): boolean {
    return this.#stepOf.has(item);
  }

  /** Sets when an item is due: milliseconds since 1970. This replaces an earlier time. */
  set(item: Item, at: number): void {
    const step = Math.floor(at / this.#stepMs);
    const before = this.#stepOf.get(item);
    if (before === step) return;
    if (before !== undefined) this.delete(item);
    if (this.#stepOf.size === 0 || step < this.#first) this.#first = step;
    this.#stepOf.set(item, step);
    const items = this.#steps.get(step);
    if (items) items.add(item);
    else this.#steps.set(step, new Set([item]));
  }

  /** Removes an item. */
  delete(item: Item): void {
    const step = this.#stepOf.get(item);
    if (step === undefined) return;
    this.#stepOf.delete(item);
    const items = this.#steps.get(step)!;
    items.delete(item);
    if (items.size === 0) this.#steps.delete(step);
  }

  /**
   * Removes and returns the items that are due.
   *
   * @param now The current time: milliseconds since 1970.
   */
  take(now: number): Item[] {
    const due: Item[] = [];
    const end = Math.floor(now / this.#stepMs);
    for (; this.#first < end && this.#stepOf.size > 0; this.#first++) {
      const items = this.#steps.get(this.#first);
      if (!items) continue;
      this.#steps.delete(this.#first);
      for (const item of items) {
        this.#stepOf.delete(item);
        due.push(item);
      }
    }
    return due;
  }
}
