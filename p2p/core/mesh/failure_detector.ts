/**
 * Decides whether a link has been silent for longer than usual. Owns what is usual for the link.
 * Does not know what follows from a silence.
 *
 * @module
 */

/** A silence of two missed heartbeats: milliseconds. Servers send one every 250 ms. */
const SILENT_MS = 500;
/** Longer silences are failures and do not change what is usual: milliseconds. */
const LONGEST_USUAL_MS = 1_500;
/**
 * Each check reduces the usual silence by this factor. With four checks a second, it halves within
 * a minute.
 */
const DECAY = 0.997;

/** Observes the silences of one link. */
export class FailureDetector {
  /**
   * Whether the link has been silent for at least 500 ms and for at least twice the usual silence.
   */
  silent = false;
  #usualMs = 0;
  #silentMs = 0;

  /**
   * Records the current silence. Call it every 250 ms.
   *
   * @param silentMs How long nothing has arrived on the link: milliseconds.
   */
  look(silentMs: number): void {
    const spoke = silentMs < this.#silentMs;
    if (spoke && this.#silentMs <= LONGEST_USUAL_MS) {
      this.#usualMs = Math.max(this.#usualMs, this.#silentMs);
    }
    this.#usualMs *= DECAY;
    this.#silentMs = silentMs;
    this.silent = silentMs >= SILENT_MS && silentMs >= 2 * this.#usualMs;
  }
}
