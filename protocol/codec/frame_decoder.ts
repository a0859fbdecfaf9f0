/**
 * Frames out of chunks, however the chunks were cut. Owns the left-over between two chunks; knows no
 * socket. {@linkcode FrameConnection} reads in place and does without it; whoever is handed chunks
 * (a WebSocket, a file, a test) uses it.
 *
 * @module
 */
import { Frame, HEADER_BYTES, MAX_PAYLOAD_BYTES, readFrames } from "./frame.ts";

/** How a {@linkcode FrameDecoder} reads. */
export interface FrameDecoderOptions {
  /**
   * The longest payload that is taken, 0 to 65,535 bytes.
   *
   * @default {65535}
   */
  maxPayloadBytes?: number;
}

/**
 * A synchronous push parser: chunks in, frames out. A frame that lies whole in a chunk is handed over
 * where it lies; only one that spans chunks is put together in a buffer of the decoder's own.
 *
 * @example
 * ```ts
 * import { FrameDecoder, FrameType } from "@netlab/protocol";
 *
 * const decoder = new FrameDecoder((frame) => {
 *   if (frame.type === FrameType.Echo) frame.payload; // valid until this function returns
 * });
 * decoder.push(new Uint8Array([4, 0, 0]));
 * decoder.push(new Uint8Array([2, 0, 0, 104, 105])); // now the visitor sees "hi"
 * ```
 */
export class FrameDecoder {
  readonly #visit: (frame: Frame) => void;
  readonly #maxPayloadBytes: number;
  readonly #frame = new Frame();
  #rest = new Uint8Array(0);
  #restLength = 0;

  /** A decoder that hands every frame to `visit`, in order. */
  constructor(visit: (frame: Frame) => void, options: FrameDecoderOptions = {}) {
    this.#visit = visit;
    this.#maxPayloadBytes = options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES;
  }

  /** Bytes of an incomplete frame that are kept for the next chunk. */
  get pendingBytes(): number {
    return this.#restLength;
  }

  /**
   * Takes the next chunk, of any length. Frames that it completes are handed over before it returns.
   *
   * @throws {ProtocolError} When a header announces too much; nothing of that frame's payload is
   *   kept. The decoder is at its end then, as the stream is.
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (this.#restLength > 0 && at < chunk.length) at = this.#complete(chunk, at);
    if (at === chunk.length) return;
    at = readFrames(chunk, at, chunk.length, this.#maxPayloadBytes, this.#frame, this.#visit);
    if (at < chunk.length) this.#keep(chunk, at, chunk.length);
  }

  /** Adds to the left-over what it misses: first of its header, then of its payload. */
  #complete(chunk: Uint8Array, at: number): number {
    const wanted = this.#restLength < HEADER_BYTES
      ? HEADER_BYTES
      : HEADER_BYTES + ((this.#rest[2]! << 8) | this.#rest[3]!);
    const until = Math.min(chunk.length, at + wanted - this.#restLength);
    this.#keep(chunk, at, until);
    const length = this.#restLength;
    // Refuses a header that announces too much as soon as the header is there.
    this.#restLength = 0;
    const used = readFrames(
      this.#rest,
      0,
      length,
      this.#maxPayloadBytes,
      this.#frame,
      this.#visit,
    );
    if (used === 0) this.#restLength = length;
    return until;
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const length = this.#restLength + to - from;
    if (length > this.#rest.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#rest.length, 256));
      larger.set(this.#rest.subarray(0, this.#restLength));
      this.#rest = larger;
    }
    this.#rest.set(chunk.subarray(from, to), this.#restLength);
    this.#restLength = length;
  }
}
