/**
 * Manages the ownership of a large read buffer, so that data can be forwarded without copying it. A reader
 * takes a buffer and reads into it. A writer may join and send the data from the same memory. The buffer
 * returns to the pool when both have left. Does not know what the buffer contains.
 *
 * @module
 */
import { invariant } from "../invariant.ts";
import { giveBuffer, takeBuffer } from "./buffer_pool.ts";

/**
 * The shared buffers in use, by their memory. The references are weak because a lost connection may never
 * leave.
 */
const inUse = new WeakMap<ArrayBufferLike, SharedBuffer>();

/**
 * A buffer with one reader and at most one writer.
 *
 * - The reader may read into it only while there is no writer.
 * - The writer may change bytes that have already been handled, but no others.
 */
export class SharedBuffer {
  /** The whole buffer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  #hasReader = true;
  #hasWriter = false;

  /** Takes a buffer of at least `bytes` from the pool. The caller is its reader. */
  constructor(bytes: number) {
    this.bytes = takeBuffer(bytes);
    inUse.set(this.bytes.buffer, this);
  }

  /** Returns the shared buffer with this memory, or `undefined` if no shared buffer in use has it. */
  static find(memory: ArrayBufferLike): SharedBuffer | undefined {
    return inUse.get(memory);
  }

  /** Whether a writer uses the buffer. The reader must then continue in another buffer. */
  get hasWriter(): boolean {
    return this.#hasWriter;
  }

  /** Makes the caller the writer. Returns `false` and does nothing if there is a writer already. */
  join(): boolean {
    if (this.#hasWriter) return false;
    invariant(this.#hasReader, "a writer joins a buffer while its reader uses it");
    return this.#hasWriter = true;
  }

  /** Ends the use by the reader. */
  leaveReader(): void {
    invariant(this.#hasReader, "the reader of a buffer leaves once");
    this.#hasReader = false;
    this.#free();
  }

  /** Ends the use by the writer. */
  leaveWriter(): void {
    invariant(this.#hasWriter, "the writer of a buffer leaves once, after it has joined");
    this.#hasWriter = false;
    this.#free();
  }

  #free(): void {
    if (this.#hasReader || this.#hasWriter) return;
    inUse.delete(this.bytes.buffer);
    giveBuffer(this.bytes);
  }
}
