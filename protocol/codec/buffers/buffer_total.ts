/**
 * Counts the bytes in the buffers of many writers. Does not know the writers.
 *
 * @module
 */

/** The size of the buffers that hold what waits to be sent. */
export class BufferTotal {
  /** The size: bytes. */
  bytes = 0;
  readonly #maxBytes: number;
  readonly #onExcess: () => void;

  /**
   * Starts with nothing.
   *
   * @param maxBytes The limit.
   * @param onExcess Called each time when a buffer grows and all together are larger than the limit.
   */
  constructor(maxBytes: number, onExcess: () => void) {
    this.#maxBytes = maxBytes;
    this.#onExcess = onExcess;
  }

  /** Counts a buffer that was taken or, with a negative number, given back. */
  add(bytes: number): void {
    this.bytes += bytes;
    if (bytes > 0 && this.bytes > this.#maxBytes) this.#onExcess();
  }
}
