/**
 * Decodes frames from chunks of any length, which come from a WebSocket, a file or a test. Owns the
 * incomplete frame between two chunks. Uses no sockets. A {@linkcode FrameConnection} does not need it: it
 * keeps the incomplete frame in its read buffer.
 *
 * @module
 */
import { Frame, HEADER_BYTES, MAX_PAYLOAD_BYTES, readFrames } from "./frame.ts";

/** Options of a {@linkcode FrameDecoder}. */
export interface FrameDecoderOptions {
  /**
   * The longest accepted payload: 0 to 65,535 bytes.
   *
   * @default {65535}
   */
  maxPayloadBytes?: number;
}

/**
 * A synchronous push parser for frames. Copies only the frames that span chunks.
 *
 * @example
 * ```ts
 * import { FrameDecoder, FrameType } from "@netlab/protocol";
 *
 * const decoder = new FrameDecoder((frame) => {
 *   if (frame.type === FrameType.Echo) frame.payload; // valid until this function returns
 * });
 * decoder.push(new Uint8Array([4, 0, 0]));
 * decoder.push(new Uint8Array([2, 0, 0, 104, 105])); // calls the function with "hi"
 * ```
 */
export class FrameDecoder {
  readonly #visit: (frame: Frame) => void;
  readonly #maxPayloadBytes: number;
  readonly #frame = new Frame();
  #rest = new Uint8Array(0);
  #restLength = 0;

  /** Creates a decoder that calls `visit` for every frame, in order. */
  constructor(visit: (frame: Frame) => void, options: FrameDecoderOptions = {}) {
    this.#visit = visit;
    this.#maxPayloadBytes = options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES;
  }

  /** The number of bytes of an incomplete frame that wait for the next chunk. */
  get pendingBytes(): number {
    return this.#restLength;
  }

  /**
   * Decodes the next chunk, which may have any length.
   *
   * @throws {ProtocolError} When a header announces a payload that is too long. The decoder does not store
   *   the payload and cannot be used after that.
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (this.#restLength > 0 && at < chunk.length) at = this.#complete(chunk, at);
    if (at === chunk.length) return;
    at = readFrames(chunk, at, chunk.length, this.#maxPayloadBytes, this.#frame, this.#visit);
    if (at < chunk.length) this.#keep(chunk, at, chunk.length);
  }

  /**
   * Completes the header of the incomplete frame, then its payload. Returns the position after the used
   * bytes.
   */
  #complete(chunk: Uint8Array, at: number): number {
    const wanted = this.#restLength < HEADER_BYTES
      ? HEADER_BYTES
      : HEADER_BYTES + ((this.#rest[2]! << 8) | this.#rest[3]!);
    const until = Math.min(chunk.length, at + wanted - this.#restLength);
    this.#keep(chunk, at, until);
    const length = this.#restLength;
    // Reads the frame as soon as the header is complete, which also rejects a payload that is too long.
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
