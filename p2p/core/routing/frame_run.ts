/**
 * Copies whole frames that lie next to each other to a connection in one piece. Does not know what is in
 * the frames.
 *
 * @module
 */
import type { FrameWriter } from "@netlab/protocol/codec";

/** A whole frame in a buffer. */
export interface WholeFrame {
  /** The buffer. */
  readonly bytes: Uint8Array;
  /** Where the frame's header begins. */
  readonly start: number;
  /** Where its payload ends. */
  readonly end: number;
}

/** Frames for one connection. {@linkcode FrameRuns.flush} writes those that were added. */
export class FrameRuns {
  readonly #out: FrameWriter;
  #bytes: Uint8Array | undefined;
  #start = 0;
  #end = 0;

  /** No frames yet for `out`. */
  constructor(out: FrameWriter) {
    this.#out = out;
  }

  /** Adds a frame. */
  add({ bytes, start, end }: WholeFrame): void {
    if (bytes !== this.#bytes || start !== this.#end) {
      this.flush();
      this.#bytes = bytes;
      this.#start = start;
    }
    this.#end = end;
  }

  /** Writes the frames that were added. */
  flush(): void {
    if (this.#bytes) this.#out.raw(this.#bytes, this.#start, this.#end);
    this.#bytes = undefined;
  }
}
