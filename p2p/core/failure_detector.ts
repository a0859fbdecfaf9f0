/**
 * Whether the other end of a link is silent for longer than it usually is. Owns what is usual; what
 * follows from a silence is for others to say. Pure.
 *
 * @module
 */

/** Signs of life come every 250 ms; two of them in a row are missing: milliseconds. */
const SILENT_MS = 500;
/** Longer silences are failures, and say nothing about what is usual: milliseconds. */
const LONGEST_USUAL_MS = 1_500;
/** What is usual fades with every look: four looks a second halve it in a minute. */
const FADING = 0.997;

/** The silences of one link. */
export class FailureDetector {
  /** Whether the link has been silent for 500 ms, and for twice as long as it lately was. */
  silent = false;
  #usualMs = 0;
  #silentMs = 0;

  /** A quarter of a second has passed; nothing has come in for `silentMs`. */
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
