/**
 * Ids that have been seen, as text: for messages of legacy programs and others without a sequence id. Owns
 * when an id is forgotten; knows no clock.
 *
 * @module
 */
import { GenerationalCache } from "./generational_cache.ts";

/** How long an id is remembered at least: milliseconds. Longer than any program retries. */
const REMEMBERED_MS = 10 * 60_000;
/** How many ids are remembered at most, however fast they come. */
const MAX_IDS = 100_000;

/**
 * A set of ids with a bound. An id is remembered for 10 to 20 minutes, or until 50,000 to 100,000 newer
 * ones have come.
 */
export class SeenIds {
  readonly #ids = new GenerationalCache(() => new Set<string>(), MAX_IDS / 2);
  #rotatedAt = 0;

  /** Whether the id was added and is still remembered. */
  has(id: string): boolean {
    return this.#ids.young.has(id) || this.#ids.old.has(id);
  }

  /** Remembers an id; `now` is the time in milliseconds. */
  add(id: string, now: number): void {
    if (now - this.#rotatedAt >= REMEMBERED_MS) {
      this.#ids.rotate();
      this.#rotatedAt = now;
    }
    this.#ids.withRoom().add(id);
  }
}
