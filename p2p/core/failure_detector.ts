/**
 * Decides whether the other end of a link is silent for longer than usual. Owns what is usual for a link.
 * Others decide what follows from a silence.
 *
 * @module
 */

/** Two signs of life in a row are missing, as one comes every 250 ms: milliseconds. */
const SILENT_MS = 500;
/** Longer silences are failures and do not count as usual: milliseconds. */
const LONGEST_USUAL_MS = 1_500;
/** By this factor the usual silence becomes shorter with every look: four looks a second halve it in a minute. */
const FADING = 0.997;

/** Watches the silences of one link. */
export class FailureDetector {
  /** Whether the link has been silent for 500 ms, and for twice as long as was usual lately. */
  silent = false;
  #usualMs = 0;
  #silentMs = 0;

  /** A quarter of a second has passed, and nothing has come in for `silentMs` milliseconds. */
  look(silentMs: number): void {
    const spoke = silentMs < this.#silentMs;
    if (spoke && this.#silentMs <= LONGEST_USUAL_MS) {
      this.#usualMs = Math.max(this.#usualMs, this.#silentMs);
    }
    this.#usualMs *= FADING;
    this.#silentMs = silentMs;
    this.silent = silentMs >= SILENT_MS && silentMs >= 2 * this.#usualMs;
  }
}
