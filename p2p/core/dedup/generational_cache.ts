/**
 * A bounded memory that forgets the oldest first, without looking at single entries. Knows nothing of what
 * is remembered.
 *
 * @module
 */

/**
 * Two generations of a collection. New entries go into the young one. When that is full, the old one is
 * forgotten and the young one takes its place. So at least the last `maxSize` entries are remembered, and
 * at most twice as many.
 */
export class GenerationalCache<Generation extends { readonly size: number }> {
  readonly #create: () => Generation;
  readonly #maxSize: number;
  #young: Generation;
  #old: Generation;

  /** Two empty generations made by `create`, of up to `maxSize` entries each. */
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

  /** The generation before that one. Nothing is added to it. */
  get old(): Generation {
    return this.#old;
  }

  /** The young generation, with room for one more entry. */
  withRoom(): Generation {
    if (this.#young.size >= this.#maxSize) this.rotate();
    return this.#young;
  }

  /** Forgets the old generation, and begins a new young one. */
  rotate(): void {
    this.#old = this.#young;
    this.#young = this.#create();
  }
}
