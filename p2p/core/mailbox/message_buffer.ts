/**
 * The memory of one user's messages: copies their frames next to each other, so that many are sent in one
 * piece. Does not know which of them are still stored.
 *
 * @module
 */
import { FrameType, HEADER_BYTES, type MessageFields, MessageKind } from "@netlab/protocol/codec";

/** The size of the first chunk for a user's messages: bytes. Thousands of users may have one each. */
const FIRST_CHUNK_BYTES = 512;
/**
 * The size of the largest chunk: bytes. A message keeps its whole chunk in memory, so a thousand messages
 * need at most 16 MiB.
 */
const MAX_CHUNK_BYTES = 16 * 1024;
/** Up to this length, copying in words of 4 bytes is faster than `set`: bytes. */
const SHORT_BYTES = 160;

const NO_CHUNK = new Uint8Array(0);
const NO_VIEW = new DataView(NO_CHUNK.buffer);

/** Copies frames into chunks of memory. */
export class MessageBuffer {
  /** The chunk with the frame that was copied last. */
  chunk: Uint8Array<ArrayBuffer> = NO_CHUNK;
  #view = NO_VIEW;
  #end = 0;

  /** Copies a message as a frame of type 3/1 into {@linkcode chunk}. Returns its offset there. */
  add(fields: MessageFields): number {
    const { id, end } = fields;
    const start = this.#room(HEADER_BYTES + end - id);
    const { chunk } = this;
    chunk[start] = FrameType.Message;
    chunk[start + 1] = MessageKind.Durable;
    chunk[start + 2] = (end - id) >>> 8;
    chunk[start + 3] = end - id;
    this.#copy(fields, start + HEADER_BYTES);
    return start;
  }

  /** Lets go of the chunk. Messages in it keep it as long as they need it. */
  clear(): void {
    this.chunk = NO_CHUNK;
    this.#view = NO_VIEW;
    this.#end = 0;
  }

  /** Copies a message to `to`. Copies a short one in words of 4 bytes, which is faster than `set`. */
  #copy({ bytes, view, id, end }: MessageFields, to: number): void {
    const length = end - id;
    // This copies up to three bytes too many, to where the next message goes.
    if (
      length > SHORT_BYTES || end + 4 > bytes.length ||
      to + length + 4 > this.#view.byteLength
    ) {
      this.chunk.set(bytes.subarray(id, end), to);
      return;
    }
    for (let i = 0; i < length; i += 4) this.#view.setInt32(to + i, view.getInt32(id + i));
  }

  /** Reserves `bytes` and returns their offset. Existing messages do not move. */
  #room(bytes: number): number {
    let start = this.#end;
    if (start + bytes > this.chunk.length) {
      const twice = Math.max(FIRST_CHUNK_BYTES, 2 * this.chunk.length);
      this.chunk = new Uint8Array(Math.max(bytes, Math.min(twice, MAX_CHUNK_BYTES)));
      this.#view = new DataView(this.chunk.buffer);
      start = 0;
    }
    this.#end = start + bytes;
    return start;
  }
}
