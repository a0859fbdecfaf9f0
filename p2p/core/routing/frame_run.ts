/**
 * Copies adjacent whole frames to a connection in one piece. Does not know what the frames contain.
 *
 * @module
 */
import type { FrameWriter } from "@netlab/protocol/codec";

/** A whole frame in a buffer. */
export interface WholeFrame {
  /** The buffer. */
  readonly bytes: Uint8Array;
  /** The offset of the frame's header. */
  readonly start: number;
  /** The end of its payload. */
  readonly end: number;
}

/** Frames for one connection. {@linkcode FrameRuns.flush} writes the frames that were added. */
export class FrameRuns {
  readonly #out: FrameWriter;
  #bytes: Uint8Array | undefined;
  #start = 0;
  #end = 0;

  /** Creates an empty list of frames for `out`. */
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
