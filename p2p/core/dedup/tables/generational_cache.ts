/**
 * Limits the memory of a collection: drops the oldest entries together, without looking at each of them. Does
 * not know what the entries are.
 *
 * @module
 */

/**
 * Keeps two generations of a collection. New entries go into the young generation. When it is full, the old
 * generation is dropped and the young one becomes the old one. The cache therefore holds at least the last
 * `maxSize` entries and at most twice as many.
 */
export class GenerationalCache<Generation extends { readonly size: number }> {
  readonly #create: () => Generation;
  readonly #maxSize: number;
  #young: Generation;
  #old: Generation;

  /** Makes two empty generations with `create`. Each holds up to `maxSize` entries. */
  constructor(create: () => Generation, maxSize: number) {
    this.#create = create;
    this.#maxSize = maxSize;
    this.#young = create();
    this.#old = create();
  }

  /** The generation with the newest entries. */
  get young(): Generation {
    return this.#young;
  }

  /** The generation that was young before. No entries are added to it. */
  get old(): Generation {
    return this.#old;
  }

  /** Returns the young generation. Rotates first if it is full. */
  withRoom(): Generation {
    if (this.#young.size >= this.#maxSize) this.rotate();
    return this.#young;
  }

  /** Drops the old generation and starts a new young one. */
  rotate(): void {
    this.#old = this.#young;
    this.#young = this.#create();
  }
}
