/**
 * What comes back over netlab sessions: messages alone and in batches, which may have to be acknowledged,
 * and receipts. Owns the way through them; they may stand between frames of other kinds. Pure.
 *
 * @module
 */
import {
  FrameType,
  HEADER_BYTES,
  MAX_RECEIPTS_PER_FRAME,
  MessageKind,
  ReceiptState,
} from "@netlab/protocol";
import type { Counter } from "./protocol.ts";

/** Hands over whole frames, wherever the stream was cut. */
abstract class FrameCounter implements Counter {
  /** The beginning of a frame that is not complete. */
  #rest = new Uint8Array(0);

  get whole(): boolean {
    return this.#rest.length === 0;
  }

  take(bytes: Uint8Array, length: number): number {
    let stream = bytes.subarray(0, length);
    if (this.#rest.length > 0) {
      const joined = new Uint8Array(this.#rest.length + length);
      joined.set(this.#rest);
      joined.set(stream, this.#rest.length);
      stream = joined;
    }
    let count = 0;
    let at = 0;
    while (stream.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + ((stream[at + 2]! << 8) | stream[at + 3]!);
      if (end > stream.length) break;
      count += this.frame(stream[at]!, stream, at + HEADER_BYTES, end);
      at = end;
    }
    this.#rest = stream.slice(at);
    return count;
  }

  /** One frame's payload, from `start` to `end`; how many it counts for. */
  protected abstract frame(type: number, bytes: Uint8Array, start: number, end: number): number;
}

const ID_BYTES = 16;
/** The first bytes of a frame, in which it says how many messages it holds: a batch with the longest names. */
const HEAD_BYTES = HEADER_BYTES + ID_BYTES + 2 * (1 + 255) + 2;

/** Counts messages alone and in batches, without a look at the texts. */
export class BatchCounter implements Counter {
  /** The beginning of a frame that came in pieces. */
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headBytes = 0;
  /** How many bytes of a frame are still to come, and how many messages it holds. */
  #left = 0;
  #messages = 0;

  get whole(): boolean {
    return this.#headBytes === 0 && this.#left === 0;
  }

  take(bytes: Uint8Array, length: number): number {
    let count = 0;
    for (let at = 0; at < length;) {
      if (this.#left === 0) at += this.#begin(bytes, at, length);
      const step = Math.min(this.#left, length - at);
      at += step;
      this.#left -= step;
      if (this.#left > 0) continue;
      count += this.#messages;
      this.#messages = 0;
    }
    return count;
  }

  /** Begins a frame; how many of the bytes were used for that. */
  #begin(bytes: Uint8Array, start: number, end: number): number {
    let source = bytes;
    let at = start;
    let left = end - start;
    const before = this.#headBytes;
    if (before > 0) {
      left = before + Math.min(left, HEAD_BYTES - before);
      this.#head.set(bytes.subarray(start, start + left - before), before);
      source = this.#head;
      at = 0;
    }
    const messages = left < HEADER_BYTES ? -1 : messagesIn(source, at, left);
    if (messages >= 0) {
      this.#messages = messages;
      this.#left = HEADER_BYTES + ((source[at + 2]! << 8) | source[at + 3]!) - before;
      this.#headBytes = 0;
      return 0;
    }
    if (before === 0) this.#head.set(bytes.subarray(start, end));
    this.#headBytes = left;
    return left - before;
  }
}

/** How many messages a frame holds of which `length` bytes are there; -1 when those do not say. */
function messagesIn(bytes: Uint8Array, start: number, length: number): number {
  if (bytes[start] !== FrameType.Message) return 0;
  if (bytes[start + 1] !== MessageKind.Batch) return 1;
  const sender = HEADER_BYTES + ID_BYTES;
  if (length <= sender) return -1;
  const recipient = sender + 1 + bytes[start + sender]!;
  if (length <= recipient) return -1;
  const count = recipient + 1 + bytes[start + recipient]!;
  if (length < count + 2) return -1;
  return (bytes[start + count]! << 8) | bytes[start + count + 1]!;
}

/** Id, state, code, and the length of the reason. */
const RECORD_BYTES = ID_BYTES + 1 + 2 + 1;
/** Where in the text of a UUID each of its bytes stands. */
const DIGITS_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** Counts messages, and acknowledges each as taken by the program. */
export class AcknowledgingCounter extends FrameCounter {
  #buffer = new Uint8Array(1 << 16);
  #length = 0;
  #frameAt = 0;
  #records = 0;

  protected override frame(type: number, bytes: Uint8Array, start: number): number {
    if (type !== FrameType.Message) return 0;
    if (this.#buffer.length < this.#length + HEADER_BYTES + RECORD_BYTES) this.#grow();
    if (this.#records === 0) {
      this.#frameAt = this.#length;
      this.#buffer.fill(0, this.#length, this.#length + HEADER_BYTES);
      this.#buffer[this.#length] = FrameType.Receipt;
      this.#length += HEADER_BYTES;
    }
    const buffer = this.#buffer;
    const at = this.#length;
    for (let i = 0; i < ID_BYTES; i++) {
      const digit = start + DIGITS_AT[i]!;
      buffer[at + i] = (valueOf(bytes[digit]!) << 4) | valueOf(bytes[digit + 1]!);
    }
    buffer[at + ID_BYTES] = ReceiptState.Delivered;
    buffer.fill(0, at + ID_BYTES + 1, at + RECORD_BYTES);
    this.#length = at + RECORD_BYTES;
    if (++this.#records === MAX_RECEIPTS_PER_FRAME) this.#endFrame();
    return 1;
  }

  reply(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#length === 0) return undefined;
    if (this.#records > 0) this.#endFrame();
    const reply = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    return reply;
  }

  #endFrame(): void {
    const payload = this.#records * RECORD_BYTES;
    this.#buffer[this.#frameAt + 2] = payload >>> 8;
    this.#buffer[this.#frameAt + 3] = payload;
    this.#records = 0;
  }

  #grow(): void {
    const larger = new Uint8Array(2 * this.#buffer.length);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

/** The value of a hex digit, ASCII. */
function valueOf(digit: number): number {
  return (digit & 0x0f) + (digit >> 6) * 9;
}

/** Counts receipts of messages that are accepted or delivered; any other is a failure. */
export class ReceiptCounter extends FrameCounter {
  protected override frame(type: number, bytes: Uint8Array, start: number, end: number): number {
    if (type === FrameType.Error) throw new Error("netlab answered with an error");
    if (type !== FrameType.Receipt) return 0;
    let count = 0;
    for (let at = start; at < end; count++) {
      const state = bytes[at + ID_BYTES]!;
      const reasonBytes = bytes[at + RECORD_BYTES - 1]!;
      const reasonAt = at + RECORD_BYTES;
      if (state !== ReceiptState.Accepted && state !== ReceiptState.Delivered) {
        const reason = bytes.subarray(reasonAt, reasonAt + reasonBytes);
        throw new Error(`netlab refused a message: ${new TextDecoder().decode(reason)}`);
      }
      at = reasonAt + reasonBytes;
    }
    return count;
  }
}
