/**
 * Frames into one growing buffer, or on in the one that they were read into, so that many of them leave in
 * one write. Owns the buffer and the header's encoding; knows neither what payloads mean nor where they go.
 *
 * @module
 */
import { giveBuffer, MAX_POOLED_BYTES, share, takeBuffer } from "./buffer_pool.ts";
import { type Frame, HEADER_BYTES, MAX_PAYLOAD_BYTES, payloadTooLong } from "./frame.ts";
import { writeUuid } from "./uuid.ts";
import { copyWords, SHORT_BYTES, SPARE_BYTES } from "./words.ts";

const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);
const EMPTY_VIEW = new DataView(EMPTY.buffer);
/** The first buffer: bytes. Most that is written in one turn fits. */
const FIRST_BYTES = 1_024;
/** Up to this length, ASCII is faster written here than by the encoder, which is a call out: UTF-16 units. */
const SHORT_TEXT = 64;
/** So much at least stays where it was read: bytes. More may come to it. */
const MIN_IN_PLACE_BYTES = 4_096;
/** And so much when it may have to wait there: nobody keeps a megabyte for less. */
const MIN_WAITING_BYTES = 32 * 1024;

/** How a {@linkcode FrameWriter} behaves. */
export interface FrameWriterOptions {
  /**
   * How many bytes may wait here. What would exceed it is dropped with all that waits, and
   * `onOverflow` is called, once: the stream has a gap and cannot go on.
   *
   * @default {Infinity}
   */
  maxBytes?: number;
  /** Called when the first byte comes in after the writer was empty. */
  onFirstByte?: () => void;
  /** Called when `maxBytes` was exceeded. */
  onOverflow?: () => void;
}

/**
 * Writes frames one behind the other. A frame is begun, its payload written, and ended:
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
  readonly #maxBytes: number;
  readonly #onFirstByte: (() => void) | undefined;
  readonly #onOverflow: (() => void) | undefined;
  #buffer: Uint8Array<ArrayBuffer> = EMPTY;
  #view: DataView = EMPTY_VIEW;
  /** How much may be written before the buffer has to grow: bytes. */
  #room = 0;
  #length = 0;
  /** How much waited when it was taken last: the next buffer is as large at once. */
  #usual = FIRST_BYTES;
  #frameStart = -1;
  #overflowed = false;
  /** What waits stands in the buffer that it was read into, and more is read from there. */
  #isInPlace = false;
  /** What was taken was not given back: what comes now may wait. */
  #isTaken = false;

  /** A writer with an empty buffer. */
  constructor(options: FrameWriterOptions = {}) {
    this.#maxBytes = options.maxBytes ?? Infinity;
    this.#onFirstByte = options.onFirstByte;
    this.#onOverflow = options.onOverflow;
  }

  /** How many bytes wait to be taken. */
  get length(): number {
    return this.#length;
  }

  /** Whether `bytes` more still fit below the writer's bound. */
  hasRoom(bytes: number): boolean {
    return !this.#overflowed && this.#length + bytes <= this.#maxBytes;
  }

  /** Begins a frame; what is written until {@linkcode FrameWriter.end} is its payload. */
  begin(type: number, subtype: number, reserved = 0): void {
    this.#frameStart = this.#length;
    const at = this.#claim(HEADER_BYTES);
    const buffer = this.#buffer;
    buffer[at] = type;
    buffer[at + 1] = subtype;
    buffer[at + 4] = reserved >>> 8;
    buffer[at + 5] = reserved;
  }

  /**
   * Ends the frame that was begun: its length goes into its header.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.TextTooLong} when the payload is longer than 65,535
   *   bytes; the frame is taken back, what was there before it stays.
   */
  end(): void {
    if (this.#overflowed) return;
    const start = this.#frameStart;
    const length = this.#length - start - HEADER_BYTES;
    this.#frameStart = -1;
    if (length > MAX_PAYLOAD_BYTES) {
      this.#length = start;
      throw payloadTooLong(length);
    }
    this.#buffer[start + 2] = length >>> 8;
    this.#buffer[start + 3] = length;
    if (start === 0) this.#onFirstByte?.();
  }

  /** Takes back the frame that was begun and not ended. */
  cancel(): void {
    if (this.#frameStart >= 0) this.#length = this.#frameStart;
    this.#frameStart = -1;
  }

  /** Writes a whole frame with this payload. Same error as {@linkcode FrameWriter.end}. */
  frame(type: number, subtype: number, payload?: Uint8Array, reserved = 0): void {
    this.begin(type, subtype, reserved);
    if (payload) this.bytes(payload);
    this.end();
  }

  /** Writes a frame that was read elsewhere as it is, but for `reserved`. */
  forward(frame: Frame, reserved: number): void {
    this.begin(frame.type, frame.subtype, reserved);
    this.bytes(frame.bytes, frame.start, frame.end);
    this.end();
  }

  /** Writes one byte of a payload, 0 to 255. */
  u8(value: number): void {
    const at = this.#claim(1);
    this.#buffer[at] = value;
  }

  /** Writes a 16-bit number of a payload, big-endian. */
  u16(value: number): void {
    const at = this.#claim(2);
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
  }

  /** Writes a 32-bit number of a payload, big-endian. */
  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  /** Writes a whole number from 0 to 2^53 - 1 as 64 bits of a payload, big-endian. */
  u64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value >>> 0);
  }

  /**
   * Writes `bytes`, or the part from `start` to `end`, into a payload. What is too long for any frame
   * is not written: same error as {@linkcode FrameWriter.end}.
   */
  bytes(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    if (end - start > MAX_PAYLOAD_BYTES && this.#frameStart >= 0) {
      this.cancel();
      throw payloadTooLong(end - start);
    }
    const at = this.#claim(end - start);
    if (this.#overflowed) return;
    this.#buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
  }

  /**
   * Writes the first bytes of `source`, which has {@linkcode SPARE_BYTES} more, into a payload. Made for short
   * ones: no view of a part is needed.
   */
  words(source: DataView, bytes: number): void {
    const at = this.#claim(bytes + SPARE_BYTES);
    if (this.#overflowed) return;
    copyWords(source, 0, bytes, this.#view, at);
    this.#length = at + bytes;
  }

  /** Writes a string as UTF-8 into a payload. Same error as {@linkcode FrameWriter.bytes}. */
  text(text: string): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    // A UTF-16 unit becomes three bytes at most. Where those do not fit, the exact number may.
    if (text.length > MAX_PAYLOAD_BYTES || !this.hasRoom(text.length * 3)) {
      this.bytes(encoder.encode(text));
      return;
    }
    const at = this.#claim(text.length * 3);
    if (this.#overflowed) return;
    const { written } = encoder.encodeInto(text, this.#buffer.subarray(at));
    // As an integer: the engine would keep the length as a number with a fraction from now on.
    this.#length = (at + written) | 0;
  }

  /** Writes a string if it is all ASCII; whether it is. */
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

  /**
   * Writes a string behind one byte with its length.
   *
   * @throws {RangeError} When it has more than 255 bytes of UTF-8; the frame is taken back.
   */
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

  /** Writes a UUID as its 16 bytes. It must be a UUID in text. */
  uuid(uuid: string): void {
    const at = this.#claim(16);
    if (!this.#overflowed) writeUuid(uuid, this.#buffer, at);
  }

  /** Writes bytes outside of any frame: deliveries to users who read bare text. */
  raw(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    const first = this.#length === 0;
    this.bytes(bytes, start, end);
    if (first && this.#length > 0) this.#onFirstByte?.();
  }

  /**
   * Writes the bytes of `source` from `start` to `end` outside of any frame, as they are: text for who
   * reads text, or whole frames.
   *
   * When nothing waits, and `source` is a large buffer that they were read into, they stay there and the
   * writer goes on in it, from its beginning: nobody may need any more what stands in front of `end`.
   */
  copy(source: DataView, start: number, end: number): void {
    this.join(EMPTY_VIEW, 0, source, start, end);
  }

  /**
   * The same behind the first bytes of `head`, which has seven more to spare. The two are never put together
   * anywhere else: to read in other words what was just written costs more than both copies.
   */
  join(head: DataView, headBytes: number, source: DataView, start: number, end: number): void {
    const wasEmpty = this.#length === 0;
    const bytes = headBytes + end - start;
    if (headBytes === 0 && this.#isIn(source, start, bytes)) {
      if (start > this.#length) this.#buffer.copyWithin(this.#length, start, end);
      this.#length += bytes;
    } else {
      // Eight bytes at a time, so up to seven more are read, and written where the next ones go.
      const at = this.#claim(bytes + 8);
      if (this.#overflowed) return;
      copyWords(head, 0, headBytes, this.#view, at);
      this.#put(source, start, end, at + headBytes);
      this.#length = at + bytes;
    }
    if (wasEmpty) this.#onFirstByte?.();
  }

  /**
   * The same for a row of pieces with one head: those from number `first` to before `last`, each from `skip`
   * bytes behind its place in `starts` to the next place there. Room is made once for all of them. They
   * stay where they are, as {@linkcode FrameWriter.copy} says, when the head is shorter than `skip` by
   * {@linkcode SPARE_BYTES}.
   */
  joinRow(
    head: DataView,
    headBytes: number,
    source: DataView,
    starts: Int32Array,
    first: number,
    last: number,
    skip: number,
  ): void {
    if (first === last) return;
    const wasEmpty = this.#length === 0;
    const bytes = starts[last]! - starts[first]! + (last - first) * (headBytes - skip);
    // Eight bytes at a time, as above: in place there is room for that in front of the next piece.
    const isIn = headBytes + SPARE_BYTES <= skip && this.#isIn(source, starts[first]!, bytes);
    let to = isIn ? this.#length : this.#claim(bytes + 8);
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
    if (wasEmpty) this.#onFirstByte?.();
  }

  /**
   * Everything that waits, in order; the writer is empty behind it. The bytes stay untouched until
   * {@linkcode FrameWriter.recycle} gives them back or, without that, for good.
   */
  take(): Uint8Array {
    if (this.#isInPlace && this.#length < MIN_WAITING_BYTES) this.#grow(this.#length);
    this.#isTaken = this.#length > 0;
    const taken = this.#buffer.subarray(0, this.#length);
    this.#usual = Math.min(Math.max(this.#length, FIRST_BYTES), MAX_POOLED_BYTES);
    this.#use(EMPTY);
    this.#length = 0;
    return taken;
  }

  /** Gives back what {@linkcode FrameWriter.take} handed out, to be written over by whoever writes next. */
  recycle(taken: Uint8Array): void {
    this.#isTaken = false;
    if (taken.buffer.byteLength > 0) giveBuffer(new Uint8Array(taken.buffer as ArrayBuffer));
  }

  /** Whether `bytes` of `source`, behind `start`, stay in it: nothing else waits, or it is there in front of them. */
  #isIn(source: DataView, start: number, bytes: number): boolean {
    // As much room as a copy needs, so that it makes no difference where that ends.
    if (!this.hasRoom(bytes + 8)) return false;
    if (this.#isInPlace) return source.buffer === this.#buffer.buffer && this.#length <= start;
    const least = this.#isTaken ? MIN_WAITING_BYTES : MIN_IN_PLACE_BYTES;
    if (this.#length > 0 || bytes < least || !share(source.buffer)) return false;
    if (this.#buffer.length > 0) giveBuffer(this.#buffer);
    this.#use(new Uint8Array(source.buffer as ArrayBuffer));
    // Whatever else is written moves it away first.
    this.#room = 0;
    this.#isInPlace = true;
    return true;
  }

  /** Copies a piece to where it and eight bytes more have room. */
  #put(source: DataView, start: number, end: number, to: number): void {
    const length = end - start;
    if (length <= SHORT_BYTES && end + 8 <= source.byteLength) {
      return copyWords(source, start, end, this.#view, to);
    }
    if (this.#isInPlace) this.#buffer.copyWithin(to, start, end);
    else this.#buffer.set(new Uint8Array(source.buffer, source.byteOffset + start, length), to);
  }

  /** Makes room for `bytes` more and returns where they go. */
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
    if (length > this.#maxBytes) {
      this.#overflowed = true;
      this.#length = 0;
      this.#frameStart = -1;
      this.#use(EMPTY);
      this.#onOverflow?.();
      return;
    }
    const before = this.#buffer;
    const usual = this.#length > 0 ? 2 * Math.max(this.#length, this.#room) : this.#usual;
    const larger = takeBuffer(Math.max(length, usual));
    if (this.#length > 0) larger.set(before.subarray(0, this.#length));
    this.#use(larger);
    if (before.length > 0) giveBuffer(before);
  }

  #use(buffer: Uint8Array<ArrayBuffer>): void {
    this.#isInPlace = false;
    this.#buffer = buffer;
    this.#room = Math.min(buffer.length, this.#maxBytes);
    this.#view = buffer === EMPTY ? EMPTY_VIEW : new DataView(buffer.buffer);
  }
}
