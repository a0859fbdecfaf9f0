/**
 * Writes frames into one growing buffer, so that many frames are sent with one write. Owns the buffer and the
 * encoding of headers. Does not know what payloads mean or where they go.
 *
 * @module
 */
import { giveBuffer, MAX_POOLED_BYTES, takeBuffer } from "./buffers/buffer_pool.ts";
import type { BufferTotal } from "./buffers/buffer_total.ts";
import { SharedBuffer } from "./buffers/shared_buffer.ts";
import { copyWords, SHORT_BYTES, SPARE_BYTES } from "./buffers/words.ts";
import { type Frame, HEADER_BYTES, MAX_PAYLOAD_BYTES, payloadTooLong } from "./frame.ts";
import { invariant } from "./invariant.ts";
import { writeUuid } from "./uuid.ts";

const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);
const EMPTY_VIEW = new DataView(EMPTY.buffer);
/** The size of the first buffer: bytes. Most of what is written in one event loop turn fits. */
const FIRST_BYTES = 1_024;
/** Up to this length, ASCII text is written without the encoder, which is faster: UTF-16 units. */
const SHORT_TEXT = 64;
/** The fewest bytes that stay in the buffer they were read into. More may be added to them. */
const MIN_IN_PLACE_BYTES = 4_096;
/** The fewest bytes that stay there when they may have to wait. For fewer it is not worth keeping 1 MiB. */
const MIN_WAITING_BYTES = 32 * 1024;

/** Options of a {@linkcode FrameWriter}. */
export interface FrameWriterOptions {
  /**
   * What the functions below get. With it, thousands of writers can share the same functions.
   *
   * @default {undefined}
   */
  owner?: unknown;
  /**
   * The most pending bytes. When more are written, the writer drops all of them and calls `onOverflow` once.
   * It ignores later writes, because the stream would have a gap.
   *
   * @default {Infinity}
   */
  maxBytes?: number;
  /** Called when the writer was empty and a frame is ready to be taken. */
  onFirstByte?: (owner: never) => void;
  /** Called when `maxBytes` is exceeded. */
  onOverflow?: (owner: never) => void;
  /**
   * Counts the buffers of many writers.
   *
   * @default {none: they are not counted}
   */
  total?: BufferTotal | undefined;
}

/**
 * Writes frames one after another. Each frame is begun, its payload is written, and it is ended:
 *
 * @example
 * ```ts
 * import { FrameType, FrameWriter } from "@netlab/protocol";
 *
 * const out = new FrameWriter();
 * out.begin(FrameType.Echo, 0);
 * out.text("hi");
 * out.end();
 * out.take(); // 04 00 00 02 00 00 68 69
 * ```
 */
export class FrameWriter {
  /** The most pending bytes. */
  readonly maxBytes: number;
  readonly #owner: unknown;
  readonly #onFirstByte: ((owner: never) => void) | undefined;
  readonly #onOverflow: ((owner: never) => void) | undefined;
  readonly #total: BufferTotal | undefined;
  #buffer: Uint8Array<ArrayBuffer> = EMPTY;
  #view: DataView = EMPTY_VIEW;
  /** The read buffer with the pending bytes, when they stayed where they were read. */
  #shared: SharedBuffer | undefined;
  /** The number of bytes that fit before the buffer has to grow. 0 in a shared buffer, which only copies extend. */
  #room = 0;
  #length = 0;
  /** The number of bytes that were pending when they were last taken. The next buffer gets this size. */
  #usual = FIRST_BYTES;
  /** The start of the open frame, or -1. */
  #frameStart = -1;
  #overflowed = false;
  /** Whether bytes were taken and not returned yet. Bytes written in the meantime may have to wait. */
  #isTaken = false;
  /** The size of the buffers that are in use: bytes. They hold what is pending and what was taken. */
  #bufferBytes = 0;

  /** Creates an empty writer. */
  constructor(options: FrameWriterOptions = {}) {
    this.maxBytes = options.maxBytes ?? Infinity;
    this.#owner = options.owner;
    this.#onFirstByte = options.onFirstByte;
    this.#onOverflow = options.onOverflow;
    this.#total = options.total;
  }

  /** The number of pending bytes. */
  get length(): number {
    return this.#length;
  }

  /** The size of the buffers that hold pending and taken bytes: bytes. */
  get bufferBytes(): number {
    return this.#bufferBytes;
  }

  /** Returns whether `bytes` more may be written without exceeding `maxBytes`. */
  hasRoom(bytes: number): boolean {
    return !this.#overflowed && this.#length + bytes <= this.maxBytes;
  }

  /** Begins a frame. Everything that is written until {@linkcode FrameWriter.end} is its payload. */
  begin(type: number, subtype: number, reserved = 0): void {
    invariant(this.#isBetweenFrames, "a frame begins after the last one has ended");
    this.#frameStart = this.#length;
    const at = this.#claim(HEADER_BYTES);
    const buffer = this.#buffer;
    buffer[at] = type;
    buffer[at + 1] = subtype;
    buffer[at + 4] = reserved >>> 8;
    buffer[at + 5] = reserved;
  }

  /**
   * Ends the open frame and writes its length into the header.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.TextTooLong} above 65,535 bytes. The frame is then removed.
   */
  end(): void {
    if (this.#overflowed) return;
    const start = this.#frameStart;
    invariant(
      start >= 0 && start + HEADER_BYTES <= this.#length,
      "a frame has begun before it ends",
    );
    const length = this.#length - start - HEADER_BYTES;
    this.#frameStart = -1;
    if (length > MAX_PAYLOAD_BYTES) {
      this.#length = start;
      throw payloadTooLong(length);
    }
    this.#buffer[start + 2] = length >>> 8;
    this.#buffer[start + 3] = length;
    if (start === 0) this.#onFirstByte?.(this.#owner as never);
  }

  /** Removes the open frame, if there is one. */
  cancel(): void {
    if (this.#frameStart >= 0) this.#length = this.#frameStart;
    this.#frameStart = -1;
  }

  /** Writes a whole frame. Throws the error of {@linkcode FrameWriter.end}. */
  frame(type: number, subtype: number, payload?: Uint8Array, reserved = 0): void {
    this.begin(type, subtype, reserved);
    if (payload) this.bytes(payload);
    this.end();
  }

  /** Writes a copy of a frame with `reserved` in its reserved field. */
  forward(frame: Frame, reserved: number): void {
    this.begin(frame.type, frame.subtype, reserved);
    this.bytes(frame.bytes, frame.start, frame.end);
    this.end();
  }

  /** Writes an 8-bit number. */
  u8(value: number): void {
    const at = this.#claim(1);
    this.#buffer[at] = value;
  }

  /** Writes a 16-bit number, big-endian. */
  u16(value: number): void {
    const at = this.#claim(2);
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
  }

  /** Writes a 32-bit number, big-endian. */
  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  /** Writes a whole number from 0 to 2^53 - 1 as 64 bits, big-endian. */
  u64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value >>> 0);
  }

  /** Writes a range of `bytes` to a payload. Throws as {@linkcode FrameWriter.end} does, before it writes. */
  bytes(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    if (end - start > MAX_PAYLOAD_BYTES && this.#frameStart >= 0) {
      this.cancel();
      throw payloadTooLong(end - start);
    }
    const at = this.#claim(end - start);
    if (this.#overflowed) return;
    this.#buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
  }

  /** Writes a string as UTF-8 into a payload. Throws the error of {@linkcode FrameWriter.bytes}. */
  text(text: string): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    // A UTF-16 unit takes at most three bytes. If that many do not fit, the exact number may.
    if (text.length > MAX_PAYLOAD_BYTES || !this.hasRoom(text.length * 3)) {
      this.bytes(encoder.encode(text));
      return;
    }
    const at = this.#claim(text.length * 3);
    if (this.#overflowed) return;
    const { written } = encoder.encodeInto(text, this.#buffer.subarray(at));
    // Makes V8 keep the length as an integer and not as a floating-point number.
    this.#length = (at + written) | 0;
  }

  /** Writes a string if it is all ASCII. Returns whether it is. */
  #ascii(text: string): boolean {
    const before = this.#length;
    const at = this.#claim(text.length);
    if (this.#overflowed) return true;
    const buffer = this.#buffer;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.#length = before;
        return false;
      }
      buffer[at + i] = code;
    }
    return true;
  }

  /** Writes a string as UTF-8 after one byte with its length. Throws a `RangeError` above 255 bytes. */
  shortText(text: string): void {
    if (text === "") return this.u8(0);
    const at = this.#claim(1);
    this.text(text);
    const length = this.#length - at - 1;
    if (length > 255) {
      this.cancel();
      throw new RangeError(`Cannot write a field of ${length} bytes: the limit is 255`);
    }
    this.#buffer[at] = length;
  }

  /** Writes the 16 bytes of a UUID, which must be given as valid text. */
  uuid(uuid: string): void {
    const at = this.#claim(16);
    if (!this.#overflowed) writeUuid(uuid, this.#buffer, at);
  }

  /** Writes a range of bytes outside of frames, for legacy users. */
  raw(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    invariant(this.#isBetweenFrames, "raw bytes are written between frames");
    const wasEmpty = this.#length === 0;
    this.bytes(bytes, start, end);
    if (wasEmpty && this.#length > 0) this.#onFirstByte?.(this.#owner as never);
  }

  /**
   * Writes a range of `source` outside of frames. If nothing is pending and `source` is a large read buffer,
   * the bytes stay there. The caller must not use the bytes before `end` any more.
   */
  copy(source: DataView, start: number, end: number): void {
    this.join(EMPTY_VIEW, 0, source, start, end);
  }

  /**
   * Writes the first `headBytes` of `head` and then the bytes of `source` from `start` to `end`, outside of
   * frames. `head` must have {@linkcode SPARE_BYTES} more bytes. Copies each byte once: copying the result
   * again in words of another alignment would cost more than both copies.
   */
  join(head: DataView, headBytes: number, source: DataView, start: number, end: number): void {
    invariant(this.#isBetweenFrames, "bytes are copied between frames");
    const wasEmpty = this.#length === 0;
    const bytes = headBytes + end - start;
    if (headBytes === 0 && this.#isInPlace(source, start, bytes)) {
      if (start > this.#length) this.#buffer.copyWithin(this.#length, start, end);
      this.#length += bytes;
    } else {
      // A copy in words also writes a few bytes after the end.
      const at = this.#claim(bytes + 8);
      if (this.#overflowed) return;
      copyWords(head, 0, headBytes, this.#view, at);
      this.#put(source, start, end, at + headBytes);
      this.#length = at + bytes;
    }
    if (wasEmpty) this.#onFirstByte?.(this.#owner as never);
  }

  /**
   * Writes adjacent pieces of `source`, each after the same head, as {@linkcode FrameWriter.join} does for one.
   * Piece `i`, from `first` to before `last`, is `starts[i] + skip` to `starts[i + 1]`. The pieces stay in a large
   * read buffer if the head is shorter than `skip` by {@linkcode SPARE_BYTES}.
   */
  joinEach(
    head: DataView,
    headBytes: number,
    source: DataView,
    starts: Int32Array,
    first: number,
    last: number,
    skip: number,
  ): void {
    if (first === last) return;
    invariant(this.#isBetweenFrames, "bytes are copied between frames");
    const wasEmpty = this.#length === 0;
    const bytes = starts[last]! - starts[first]! + (last - first) * (headBytes - skip);
    // In place, a copy in words must end before the next piece.
    const isInPlace = headBytes + SPARE_BYTES <= skip &&
      this.#isInPlace(source, starts[first]!, bytes);
    let to = isInPlace ? this.#length : this.#claim(bytes + 8);
    if (this.#overflowed) return;
    const view = this.#view;
    const headStart = head.getBigInt64(0, true);
    for (let i = first; i < last; i++) {
      view.setBigInt64(to, headStart, true);
      if (headBytes > 8) copyWords(head, 8, headBytes, view, to + 8);
      to += headBytes;
      const from = starts[i]! + skip;
      const end = starts[i + 1]!;
      this.#put(source, from, end, to);
      to += end - from;
    }
    this.#length = to;
    if (wasEmpty) this.#onFirstByte?.(this.#owner as never);
  }

  /** Takes all pending bytes, in order. They are valid until {@linkcode FrameWriter.recycle} gets them. */
  take(): Uint8Array {
    invariant(this.#isBetweenFrames, "bytes are taken between frames");
    if (this.#shared && this.#length < MIN_WAITING_BYTES) this.#grow(this.#length);
    this.#isTaken = this.#length > 0;
    const taken = this.#buffer.subarray(0, this.#length);
    this.#usual = Math.min(Math.max(this.#length, FIRST_BYTES), MAX_POOLED_BYTES);
    this.#use(EMPTY);
    this.#length = 0;
    return taken;
  }

  /** Returns the bytes of {@linkcode FrameWriter.take} to the pool. The caller must not use them any more. */
  recycle(taken: Uint8Array): void {
    this.#isTaken = false;
    this.#giveBack(new Uint8Array(taken.buffer as ArrayBuffer));
  }

  /** Stops to count the buffers. Call it when the connection has ended, and nothing is written any more. */
  leave(): void {
    this.#count(-this.#bufferBytes);
  }

  get #isBetweenFrames(): boolean {
    return this.#frameStart < 0 || this.#overflowed;
  }

  /** Returns whether `bytes` of `source` from `start` on stay where they are. Joins a shared buffer for that. */
  #isInPlace(source: DataView, start: number, bytes: number): boolean {
    // Uses the condition of a copy, so that both reach `maxBytes` at the same point.
    if (!this.hasRoom(bytes + 8)) return false;
    if (this.#shared) return source.buffer === this.#buffer.buffer && this.#length <= start;
    const minBytes = this.#isTaken ? MIN_WAITING_BYTES : MIN_IN_PLACE_BYTES;
    if (this.#length > 0 || bytes < minBytes) return false;
    const shared = SharedBuffer.find(source.buffer);
    if (!shared?.join()) return false;
    this.#giveBack(this.#buffer);
    this.#use(shared.bytes);
    this.#count(shared.bytes.length);
    this.#shared = shared;
    this.#room = 0;
    return true;
  }

  /** Copies a piece to `to`. There must be space for the piece and eight more bytes. */
  #put(source: DataView, start: number, end: number, to: number): void {
    const length = end - start;
    if (length <= SHORT_BYTES && end + 8 <= source.byteLength) {
      return copyWords(source, start, end, this.#view, to);
    }
    if (this.#shared) this.#buffer.copyWithin(to, start, end);
    else this.#buffer.set(new Uint8Array(source.buffer, source.byteOffset + start, length), to);
  }

  /** Makes space for `bytes` more. Returns its position. */
  #claim(bytes: number): number {
    const at = this.#length;
    const length = at + bytes;
    if (length > this.#room) this.#grow(length);
    if (this.#overflowed) return 0;
    this.#length = length;
    return at;
  }

  #grow(length: number): void {
    if (this.#overflowed) return;
    const before = this.#buffer;
    if (length > this.maxBytes) {
      this.#overflowed = true;
      this.#length = 0;
      this.#frameStart = -1;
      this.#use(EMPTY);
      this.#giveBack(before);
      this.#onOverflow?.(this.#owner as never);
      return;
    }
    const usual = this.#length > 0 ? 2 * Math.max(this.#length, this.#room) : this.#usual;
    const larger = takeBuffer(Math.max(length, usual));
    if (this.#length > 0) larger.set(before.subarray(0, this.#length));
    this.#use(larger);
    this.#giveBack(before);
    this.#count(larger.length);
  }

  #count(bytes: number): void {
    this.#bufferBytes += bytes;
    this.#total?.add(bytes);
  }

  #giveBack(buffer: Uint8Array<ArrayBuffer>): void {
    this.#count(-Math.min(buffer.length, this.#bufferBytes));
    const shared = SharedBuffer.find(buffer.buffer);
    if (shared) shared.leaveWriter();
    else if (buffer.length > 0) giveBuffer(buffer);
  }

  #use(buffer: Uint8Array<ArrayBuffer>): void {
    this.#shared = undefined;
    this.#buffer = buffer;
    this.#room = Math.min(buffer.length, this.maxBytes);
    this.#view = buffer === EMPTY ? EMPTY_VIEW : new DataView(buffer.buffer);
  }
}
