/**
 * The layout of a batch: messages that are stored together as one value of the database, because the cost of
 * the database grows with the number of rows. Owns this layout and its check codes, which tell damaged messages
 * from good ones, and the bits for removed messages. Must not know the database.
 *
 * A value begins with the time at which its first message was accepted: an `f64`, milliseconds by the clock of
 * the store. A check follows, which also tells how many messages there were, and then the messages, each as a frame of
 * type 3/1 with a check of its own. A check is a frame of type 0 whose payload is a position (`u16`) and a code
 * (`u32`). A gap stands for messages that were removed when the value was rewritten: a header of type 0 without a
 * payload, with their number in `reserved`. Earlier versions wrote no checks, and skip them.
 *
 * @module
 */
import {
  FrameType,
  HEADER_BYTES,
  MessageFields,
  MessageKind,
  ProtocolError,
  readName,
  UUID_TEXT_BYTES,
} from "@netlab/protocol/codec";
import type { WholeFrame } from "../../../core/routing/frame_run.ts";
import { checkCode, numberIn, withNumber } from "./check_code.ts";

/** The size of the time at the start of a value. */
export const TIME_BYTES = 8;
/** The payload of a check: a position and a code. */
const CHECK_PAYLOAD_BYTES = 6;
/** The size of a check. */
export const CHECK_BYTES: number = HEADER_BYTES + CHECK_PAYLOAD_BYTES;
/** The frame type of a gap or a check. */
const GAP = 0;
/** In the check of a time, the position is the number of messages with this bit. */
const HEAD = 0x8000;
/** The position in the check code of bits, which is no position of a message. */
const BITS_POSITION = 0xfffe;
/** The most messages in a batch. */
export const MAX_MESSAGES = 4_096;
/** A batch ends with the message that reaches this size. */
const MAX_BYTES = 64 * 1024;
/** A message to be stored in a batch. */
export interface Batchable extends WholeFrame {
  /** When it was accepted: milliseconds. */
  readonly acceptedAt: number;
}

/** Splits messages into batches. */
export function* inBatches<Message extends WholeFrame>(
  messages: readonly Message[],
): Iterable<readonly Message[]> {
  let first = 0;
  let bytes = 0;
  for (let i = 0; i < messages.length; i++) {
    const { start, end } = messages[i]!;
    bytes += end - start;
    const isLast = i === messages.length - 1;
    if (!isLast && i + 1 - first < MAX_MESSAGES && bytes < MAX_BYTES) continue;
    yield messages.slice(first, i + 1);
    first = i + 1;
    bytes = 0;
  }
}

/** Encodes batches. Reuses one buffer for all of them. */
export class BatchWriter {
  #buffer = new Uint8Array(0);
  #view = new DataView(this.#buffer.buffer);

  /**
   * The value of a batch. It is valid until the next call.
   *
   * @param number The number of the batch: an integer from 1 to 2^53 - 1.
   * @param shiftMs What to add to the time of the messages: milliseconds.
   */
  encode(number: number, messages: readonly Batchable[], shiftMs = 0): Uint8Array {
    let length = TIME_BYTES + CHECK_BYTES * (messages.length + 1);
    for (const { start, end } of messages) length += end - start;
    if (this.#buffer.length < length) {
      this.#buffer = new Uint8Array(2 * length);
      this.#view = new DataView(this.#buffer.buffer);
    }
    this.#view.setFloat64(0, messages[0]!.acceptedAt + shiftMs);
    let at = this.#writeCheck(number, 0, TIME_BYTES, HEAD | messages.length);
    for (let i = 0; i < messages.length; i++) {
      const { bytes, start, end } = messages[i]!;
      this.#buffer.set(bytes.subarray(start, end), at);
      at = this.#writeCheck(number, at, at + end - start, i);
    }
    return this.#buffer.subarray(0, length);
  }

  /** Writes the check of the bytes from `from` to `at` behind them. Returns the end of the check. */
  #writeCheck(number: number, from: number, at: number, position: number): number {
    const view = this.#view;
    view.setUint32(at, CHECK_PAYLOAD_BYTES);
    view.setUint16(at + 4, 0);
    view.setUint16(at + HEADER_BYTES, position);
    view.setInt32(at + HEADER_BYTES + 2, codeOf(view, from, at, number, position));
    return at + CHECK_BYTES;
  }
}

/** A message in a batch. */
export interface BatchedMessage extends WholeFrame {
  /** Its position, from 0. */
  readonly position: number;
}

/** What a batch contains. */
export interface BatchContents {
  /** When its first message was accepted: milliseconds by the clock of the store; `undefined` if damaged. */
  readonly acceptedAt: number | undefined;
  /** The messages that are left and not damaged. */
  readonly messages: readonly BatchedMessage[];
  /** The number of messages that are damaged. It may be higher if the end of the batch is. */
  readonly damaged: number;
  /** The recipients of damaged messages, as far as they can be read. */
  readonly recipients: readonly string[];
}

/**
 * Reads the messages of a batch that were not removed.
 *
 * @param number The number of the batch. Messages of another batch count as damaged.
 * @param removed The bits for the removed messages.
 * @param isTrusted Whether messages without checks count as good, if they can be read.
 */
export function readBatch(
  number: number,
  value: Uint8Array,
  removed: Uint8Array = NONE,
  isTrusted = true,
): BatchContents {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const total = totalIn(view, number);
  const isTimeGood = total !== undefined;
  const found = new Found(value, removed, total);
  const first = TIME_BYTES + CHECK_BYTES;
  if (value.length <= TIME_BYTES) found.lose(0, value.length, undefined);
  else if (
    isTimeGood || isCheck(view, TIME_BYTES) || findChecked(view, number, first) < value.length
  ) {
    readChecked(view, number, first, found);
  } else if (isTrusted) readUnchecked(view, found);
  else found.lose(TIME_BYTES, value.length, undefined);
  return {
    acceptedAt: isTimeGood || found.isUnchecked && value.length >= TIME_BYTES
      ? view.getFloat64(0)
      : undefined,
    messages: found.messages,
    damaged: found.damaged,
    recipients: [...found.recipients],
  };
}

/** A message that was found outside of a batch. */
export interface FoundMessage extends BatchedMessage {
  /** The number of its batch. */
  readonly batch: number;
}

/**
 * Finds messages in bytes that may contain parts of batches and anything else.
 *
 * @param most The highest number that a batch can have. The lower it is, the less likely is a mistake.
 */
export function* findMessages(bytes: Uint8Array, most: number): Iterable<FoundMessage> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at++) {
    const end = endOfMessage(view, at);
    if (end === 0 || end + CHECK_BYTES > bytes.length) continue;
    const position = view.getUint16(end + HEADER_BYTES);
    const sum = view.getInt32(end + HEADER_BYTES + 2);
    const batch = numberIn(sum, checkCode(view, at, end, position));
    if (position >= MAX_MESSAGES || batch === 0 || batch > most) continue;
    yield { batch, position, bytes, start: at, end };
    at = end + CHECK_BYTES - 1;
  }
}

/** Whether the time at the start of a value has a check, and is good. */
export function hasChecks(number: number, value: Uint8Array): boolean {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return totalIn(view, number) !== undefined;
}

/** Returns the number of messages that were written, if the check of the time is good. */
function totalIn(view: DataView, number: number): number | undefined {
  if (view.byteLength < TIME_BYTES + CHECK_BYTES) return undefined;
  const position = view.getUint16(TIME_BYTES + HEADER_BYTES);
  const isGood = position > HEAD && isChecked(view, number, 0, TIME_BYTES, position);
  return isGood ? position - HEAD : undefined;
}

/** Reads messages that have checks. After a damaged place it goes on with the next message that is good. */
function readChecked(view: DataView, number: number, first: number, found: Found): void {
  for (let at = first; at < view.byteLength;) {
    const end = endOfChecked(view, number, at);
    if (end > 0) {
      found.add(view.getUint16(end + HEADER_BYTES), at, end);
      at = end + CHECK_BYTES;
    } else if (isGap(view, at)) at += HEADER_BYTES;
    else {
      const next = findChecked(view, number, at + 1);
      const isEnd = next === view.byteLength;
      found.lose(at, next, isEnd ? undefined : positionOf(view, next));
      at = next;
    }
  }
}

/** Reads messages that have no checks, up to the first that cannot be one. */
function readUnchecked(view: DataView, found: Found): void {
  found.isUnchecked = true;
  let position = 0;
  for (let at = TIME_BYTES; at < view.byteLength;) {
    const end = endOfMessage(view, at);
    if (end > 0 && position < MAX_MESSAGES) {
      if (isReadable(found.value, at, end)) found.add(position, at, end);
      else found.lose(at, end, position + 1);
      position++;
      at = end;
    } else if (isGap(view, at)) {
      position += view.getUint16(at + 4);
      at += HEADER_BYTES;
    } else return found.lose(at, view.byteLength, undefined);
  }
}

/** What was found in a batch so far. */
class Found {
  isUnchecked = false;
  readonly messages: BatchedMessage[] = [];
  damaged = 0;
  readonly recipients = new Set<string>();
  /** The value of the batch. */
  readonly value: Uint8Array;
  readonly #removed: Uint8Array;
  readonly #total: number | undefined;
  #next = 0;

  constructor(value: Uint8Array, removed: Uint8Array, total: number | undefined) {
    this.value = value;
    this.#removed = removed;
    this.#total = total;
  }

  add(position: number, start: number, end: number): void {
    if (!hasBit(this.#removed, position)) {
      this.messages.push({ position, bytes: this.value, start, end });
    }
    this.#next = position + 1;
  }

  /** Counts the messages in a damaged range. `next` is the position of the message behind it, if there is one. */
  lose(start: number, end: number, next: number | undefined): void {
    const until = next ?? this.#total;
    // Without an end, one message is known to be lost if any may be.
    const most = until ?? Math.max(this.#next + 1, 8 * this.#removed.length);
    let lost = 0;
    for (let at = this.#next; at < most; at++) if (!hasBit(this.#removed, at)) lost++;
    if (until === undefined) lost = Math.min(lost, 1);
    this.damaged += lost;
    this.#next = next ?? this.#total ?? this.#next;
    const recipient = lost === 0 ? undefined : recipientOf(this.value, start, end);
    if (recipient !== undefined) this.recipients.add(recipient);
  }
}

/** Returns the check code of the bits for the removed messages of a batch: an integer. */
export function codeOfBits(number: number, bits: Uint8Array): number {
  const view = new DataView(bits.buffer, bits.byteOffset, bits.byteLength);
  return codeOf(view, 0, bits.length, number, BITS_POSITION);
}

const NONE = new Uint8Array(0);

/** Whether the bit for a position is set. */
export function hasBit(bits: Uint8Array, position: number): boolean {
  return (bits[position >>> 3]! & (1 << (position & 7))) !== 0;
}

/** Returns the end of the message frame at `at`; 0 if there is none. */
function endOfMessage(view: DataView, at: number): number {
  if (at + HEADER_BYTES > view.byteLength) return 0;
  if (view.getUint8(at) !== FrameType.Message || view.getUint8(at + 1) !== MessageKind.Durable) {
    return 0;
  }
  const end = at + HEADER_BYTES + view.getUint16(at + 2);
  return end <= view.byteLength ? end : 0;
}

/** Returns the end of the message frame at `at` if a check behind it proves that it is good; otherwise 0. */
function endOfChecked(view: DataView, number: number, at: number): number {
  const end = endOfMessage(view, at);
  if (end === 0 || end + CHECK_BYTES > view.byteLength) return 0;
  const position = view.getUint16(end + HEADER_BYTES);
  return position < MAX_MESSAGES && isChecked(view, number, at, end, position) ? end : 0;
}

/** Returns where the next good message begins, from `from` on; the length of the value if there is none. */
function findChecked(view: DataView, number: number, from: number): number {
  for (let at = from; at < view.byteLength; at++) {
    if (view.getUint8(at) === FrameType.Message && endOfChecked(view, number, at) > 0) return at;
  }
  return view.byteLength;
}

/** Returns the position of the good message at `at`. */
function positionOf(view: DataView, at: number): number {
  return view.getUint16(endOfMessage(view, at) + HEADER_BYTES);
}

/** Whether the check behind the bytes from `from` to `to` is theirs. */
function isChecked(
  view: DataView,
  number: number,
  from: number,
  to: number,
  position: number,
): boolean {
  if (to + CHECK_BYTES > view.byteLength) return false;
  return view.getUint16(to + HEADER_BYTES) === position &&
    view.getInt32(to + HEADER_BYTES + 2) === codeOf(view, from, to, number, position);
}

/** Whether there is a check at `at`, whatever its code. */
function isCheck(view: DataView, at: number): boolean {
  return at + CHECK_BYTES <= view.byteLength && view.getUint32(at) === CHECK_PAYLOAD_BYTES;
}

/** Whether there is a gap at `at`, and not a place where everything is lost. */
function isGap(view: DataView, at: number): boolean {
  return at + HEADER_BYTES <= view.byteLength && view.getUint32(at) === GAP &&
    view.getUint16(at + 4) > 0;
}

/** Returns the check code of the bytes from `from` to `to`. The number of the batch can be computed from it. */
function codeOf(
  view: DataView,
  from: number,
  to: number,
  number: number,
  position: number,
): number {
  return withNumber(checkCode(view, from, to, position), number);
}

/** Returns the recipient in the damaged message between `start` and `end`, if it can still be read. */
function recipientOf(value: Uint8Array, start: number, end: number): string | undefined {
  const sender = start + HEADER_BYTES + UUID_TEXT_BYTES + 1;
  const recipient = value.indexOf(0, sender) + 1;
  const recipientEnd = value.indexOf(0, recipient);
  if (recipient === 0 || recipientEnd < 0 || recipientEnd >= end) return undefined;
  return nameIn(value, recipient, recipientEnd);
}

/** Returns the name between `start` and `end`, if it is one. */
function nameIn(value: Uint8Array, start: number, end: number): string | undefined {
  try {
    return readName(value, start, end);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Whether the message frame between `start` and `end` can be read. */
function isReadable(value: Uint8Array, start: number, end: number): boolean {
  try {
    const fields = new MessageFields().read(value, start + HEADER_BYTES, end);
    readName(value, fields.sender, fields.senderEnd);
    readName(value, fields.recipient, fields.recipientEnd);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
