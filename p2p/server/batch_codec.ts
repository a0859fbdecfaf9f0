/**
 * The layout of a batch: messages that are stored together as one value of the database, because the cost of
 * the database grows with the number of rows. Owns this layout and the bits for removed messages. Must not
 * know the database.
 *
 * A value begins with the time at which its first message was accepted: an `f64`, milliseconds by the clock of
 * the store.
 * The messages follow, each as a frame of type 3/1. A gap stands for messages that were removed when the
 * value was rewritten: a header of type 0 without a payload, with their number in `reserved`.
 *
 * @module
 */
import {
  ErrorCode,
  FrameType,
  HEADER_BYTES,
  MessageKind,
  ProtocolError,
  ReceiptCursor,
} from "@netlab/protocol";
import type { WholeFrame } from "../core/routing/frame_run.ts";

/** The size of the time at the start of a value. */
const TIME_BYTES = 8;
/** The frame type of a gap. */
const GAP = 0;
/** The most messages in a batch. */
export const MAX_MESSAGES = 4_096;
/** A batch ends with the message that reaches this size. */
const MAX_BYTES = 64 * 1024;
/** A batch is rewritten without its removed messages when this share of its bytes is left. */
const SHRINK_AT = 1 / 4;
/** Smaller batches are not rewritten: it would not free a page of the database. */
const MIN_SHRINK_BYTES = 4_096;

/** A message to be stored in a batch. */
export interface Batchable extends WholeFrame {
  /** When it was accepted: milliseconds. */
  readonly acceptedAt: number;
}

/** Which messages of a batch were removed, and how much is left. */
export interface BatchState {
  /** One bit per position, set when that message was removed. */
  readonly removed: Uint8Array;
  /** The number of messages that are left. */
  readonly left: number;
  /** The size of their frames. */
  readonly leftBytes: number;
  /** The size of the value in the database. */
  readonly bytes: number;
}

/**
 * The state of a batch after more messages are removed; `undefined` when none is left.
 *
 * @param first The offset of the batch's first message.
 */
export function stateWithout(
  state: BatchState,
  messages: readonly (Pick<WholeFrame, "start" | "end"> & { readonly offset: number })[],
  first: number,
): BatchState | undefined {
  const removed = state.removed.slice();
  let { left, leftBytes } = state;
  for (const { offset, start, end } of messages) {
    const position = offset - first;
    if (hasBit(removed, position)) continue;
    removed[position >>> 3]! |= 1 << (position & 7);
    left--;
    leftBytes -= end - start;
  }
  return left > 0 ? { removed, left, leftBytes, bytes: state.bytes } : undefined;
}

/** Whether so little of a batch is left that it should be rewritten. */
export function isWasteful({ leftBytes, bytes }: BatchState): boolean {
  return bytes > MIN_SHRINK_BYTES && leftBytes <= SHRINK_AT * bytes;
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

  /**
   * The value of a batch. It is valid until the next call.
   *
   * @param shiftMs What to add to the time of the messages: milliseconds.
   */
  encode(messages: readonly Batchable[], shiftMs = 0): Uint8Array {
    let length = TIME_BYTES;
    for (const { start, end } of messages) length += end - start;
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(2 * length);
    const value = this.#buffer.subarray(0, length);
    new DataView(value.buffer).setFloat64(0, messages[0]!.acceptedAt + shiftMs);
    let at = TIME_BYTES;
    for (let i = 0; i < messages.length;) {
      const { bytes, start } = messages[i]!;
      // Frames that are adjacent in one buffer are copied together.
      let { end } = messages[i]!;
      for (i++; i < messages.length; i++) {
        const next = messages[i]!;
        if (next.bytes !== bytes || next.start !== end) break;
        end = next.end;
      }
      value.set(bytes.subarray(start, end), at);
      at += end - start;
    }
    return value;
  }
}

/** The state of a batch that was just written: nothing was removed. */
export function wholeBatch(messages: number, bytes: number): BatchState {
  const removed = new Uint8Array(Math.ceil(messages / 8));
  return { removed, left: messages, leftBytes: bytes - TIME_BYTES, bytes };
}

/** A message in a batch. */
export interface BatchedMessage extends Batchable {
  /** Its position, from 0. */
  readonly position: number;
}

/**
 * The messages of a batch that were not removed, from position `from` up to but not including `to`.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the value is not a valid batch.
 */
export function readBatch(
  value: Uint8Array,
  removed: Uint8Array,
  from = 0,
  to = MAX_MESSAGES,
): BatchedMessage[] {
  if (value.length < TIME_BYTES) throw notABatch();
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const acceptedAt = view.getFloat64(0);
  const messages: BatchedMessage[] = [];
  let position = 0;
  for (let start = TIME_BYTES; start < value.length && position < to;) {
    if (start + HEADER_BYTES > value.length) throw notABatch();
    const end = start + HEADER_BYTES + view.getUint16(start + 2);
    if (value[start] === GAP) position += view.getUint16(start + 4);
    else {
      const isMessage = value[start] === FrameType.Message &&
        value[start + 1] === MessageKind.Durable;
      if (!isMessage || end > value.length || position >= MAX_MESSAGES) throw notABatch();
      if (position >= from && !hasBit(removed, position)) {
        messages.push({ position, acceptedAt, bytes: value, start, end });
      }
      position++;
    }
    start = end;
  }
  return messages;
}

/** When the messages of a batch were accepted: milliseconds by the clock of the store; `undefined` if damaged. */
export function acceptedAtOf(value: Uint8Array): number | undefined {
  if (value.length < TIME_BYTES) return undefined;
  return new DataView(value.buffer, value.byteOffset).getFloat64(0);
}

/** The value of a batch without its removed messages. */
export function shrinkBatch(value: Uint8Array, removed: Uint8Array): Uint8Array {
  const left = readBatch(value, removed);
  const shrunk = new Uint8Array(value.length);
  shrunk.set(value.subarray(0, TIME_BYTES));
  let length = TIME_BYTES;
  let next = 0;
  for (const { position, start, end } of left) {
    if (position > next) {
      shrunk[length + 4] = (position - next) >>> 8;
      shrunk[length + 5] = position - next;
      length += HEADER_BYTES;
    }
    shrunk.set(value.subarray(start, end), length);
    length += end - start;
    next = position + 1;
  }
  return shrunk.subarray(0, length);
}

/**
 * The state of a batch, from its value and the bits for its removed messages as stored in the database.
 * Throws the error of {@linkcode readBatch}.
 */
export function stateOf(value: Uint8Array, bits: Uint8Array | null): BatchState {
  const all = readBatch(value, NONE);
  const last = all.at(-1)?.position ?? 0;
  const removed = new Uint8Array(Math.max(last + 8 >>> 3, bits?.length ?? 0));
  if (bits) removed.set(bits);
  const left = all.filter(({ position }) => !hasBit(removed, position));
  const leftBytes = left.reduce((sum, { start, end }) => sum + end - start, 0);
  return { removed, left: left.length, leftBytes, bytes: value.length };
}

/** The number of receipts in the payload of a frame of type 6; 0 when it is damaged. */
export function countReceipts(bytes: Uint8Array): number {
  const cursor = new ReceiptCursor().begin({ bytes, start: 0, end: bytes.length });
  let count = 0;
  try {
    while (cursor.next()) count++;
  } catch {
    return 0;
  }
  return count;
}

const NONE = new Uint8Array(0);

function hasBit(bits: Uint8Array, position: number): boolean {
  return (bits[position >>> 3]! & (1 << (position & 7))) !== 0;
}

function notABatch(): ProtocolError {
  return new ProtocolError(ErrorCode.Malformed, "Cannot read the batch: it is not valid");
}
