/**
 * Frames that lie ready one behind the other, copied to a connection in one piece. Owns the piece; knows
 * nothing of what is in it.
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

/** Frames for one connection; {@linkcode FrameRuns.flush} writes those that were added. */
export class FrameRuns {
  readonly #out: FrameWriter;
  #bytes: Uint8Array | undefined;
  #start = 0;
  #end = 0;

  /** No frames yet for `out`. */
  constructor(out: FrameWriter) {
    this.#out = out;
  }

  /** One more frame. */
  add({ bytes, start, end }: WholeFrame): void {
    if (bytes !== this.#bytes || start !== this.#end) {
      this.flush();
      this.#bytes = bytes;
      this.#start = start;
    }
    this.#end = end;
  }

  /** Writes what was added. */
  flush(): void {
    if (this.#bytes) this.#out.raw(this.#bytes, this.#start, this.#end);
    this.#bytes = undefined;
  }
}
