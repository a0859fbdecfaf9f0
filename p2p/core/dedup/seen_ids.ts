/**
 * The ids of messages that were taken care of, so that a second copy is known as one. Owns the
 * forgetting; knows no clock.
 *
 * @module
 */

/** How long an id is remembered at least: milliseconds. Longer than anyone retries. */
const REMEMBERED_MS = 10 * 60_000;
/** How many ids are remembered at most; memory has a bound whatever comes in. */
const MAX_IDS = 100_000;

/**
 * Remembers ids in two generations: when the young one is full or old, the old one is forgotten and
 * the young one takes its place. So nothing is looked at one by one, and an id is remembered for 10
 * to 20 minutes, or until 50,000 to 100,000 newer ones came.
 */
export class SeenIds {
  #young = new Set<string>();
  #old = new Set<string>();
  #turnedAt = 0;

  /** Whether the id was added and is still remembered. */
  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id);
  }

  /** Remembers an id; `now` is the time in milliseconds. */
  add(id: string, now: number): void {
    if (this.#young.size >= MAX_IDS / 2 || now - this.#turnedAt >= REMEMBERED_MS) {
      this.#old = this.#young;
      this.#young = new Set();
      this.#turnedAt = now;
    }
    this.#young.add(id);
  }
}
