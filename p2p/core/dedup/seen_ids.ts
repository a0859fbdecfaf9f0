/**
 * Remembers ids as text, for messages of legacy programs and other messages without a sequence id. Decides
 * when an id is forgotten. Gets the time as an argument.
 *
 * @module
 */
import { GenerationalCache } from "./tables/generational_cache.ts";

/**
 * How long an id is remembered at least, unless too many newer ids arrive: milliseconds. No program retries
 * for longer.
 */
const REMEMBERED_MS = 10 * 60_000;
/** The most ids that are remembered. */
const MAX_IDS = 100_000;

/** A bounded set of ids. It keeps an id for at least 10 minutes, unless 50,000 newer ids arrive before that. */
export class SeenIds {
  readonly #ids = new GenerationalCache(() => new Set<string>(), MAX_IDS / 2);
  #rotatedAt = 0;

  /** Returns whether an id was added and is still remembered. */
  has(id: string): boolean {
    return this.#ids.young.has(id) || this.#ids.old.has(id);
  }

  /** Remembers an id. `now` is the current time in milliseconds. */
  add(id: string, now: number): void {
    const { young } = this.#ids;
    if (now - this.#rotatedAt >= REMEMBERED_MS) this.#ids.rotate();
    this.#ids.withRoom().add(id);
    // For either reason: ids that were just rotated must not be dropped at once.
    if (this.#ids.young !== young) this.#rotatedAt = now;
  }
}
