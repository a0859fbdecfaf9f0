/**
 * Messages that were written down together are one value in the database, as what costs time there is
 * the number of rows. Owns how they lie in that value, and which of them have gone; knows no database.
 *
 * A value begins with the time at which its first message was taken, an `f64`: milliseconds since 1970.
 * Then come the messages, each as a frame of type 3/1; where some have gone for good, there is a gap: a
 * header of type 0 with no payload that has their number in `reserved`.
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

/** Bytes of the time. */
const TIME_BYTES = 8;
/** The type of a gap. */
const GAP = 0;
/** What is too much for one batch begins another: messages, and bytes. */
export const MAX_MESSAGES = 4_096;
const MAX_BYTES = 64 * 1024;
/** A batch of which so little is left is written anew without the rest: a part of its bytes. */
const SHRINK_AT = 1 / 4;
/** Unless there is nothing to gain: bytes, a page of the database. */
const MIN_SHRINK_BYTES = 4_096;

/** A message that is to be written. */
export interface Batchable extends WholeFrame {
  /** When it was taken: milliseconds since 1970. */
  readonly acceptedAt: number;
}

/** What has gone of a batch, and what is left. */
export interface BatchState {
  /** A bit for each position: whether that message has gone. */
  readonly gone: Uint8Array;
  /** How many messages are left. */
  readonly left: number;
  /** Bytes of their frames. */
  readonly leftBytes: number;
  /** Bytes of the value in the database. */
  readonly bytes: number;
}

/**
 * What will be left of a batch without some more messages, whose places are counted from `first` on;
 * `undefined` when that is nothing.
 */
export function stateWithout(
  state: BatchState,
  messages: readonly (Pick<WholeFrame, "start" | "end"> & { readonly offset: number })[],
  first: number,
): BatchState | undefined {
  const gone = state.gone.slice();
  let { left, leftBytes } = state;
  for (const { offset, start, end } of messages) {
    const position = offset - first;
    if (hasBit(gone, position)) continue;
    gone[position >>> 3]! |= 1 << (position & 7);
    left--;
    leftBytes -= end - start;
  }
  return left > 0 ? { gone, left, leftBytes, bytes: state.bytes } : undefined;
}

/** Whether so little is left of a batch that it is to be written anew. */
export function isWasteful({ leftBytes, bytes }: BatchState): boolean {
  return bytes > MIN_SHRINK_BYTES && leftBytes <= SHRINK_AT * bytes;
}

/** Splits what is to be written into batches. */
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

/** Makes the values of batches; the same memory serves for all. */
export class BatchWriter {
  #buffer = new Uint8Array(0);

  /** The value of a batch; valid until the next one. */
  encode(messages: readonly Batchable[]): Uint8Array {
    let length = TIME_BYTES;
    for (const { start, end } of messages) length += end - start;
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(2 * length);
    const value = this.#buffer.subarray(0, length);
    new DataView(value.buffer).setFloat64(0, messages[0]!.acceptedAt);
    let at = TIME_BYTES;
    for (let i = 0; i < messages.length;) {
      const { bytes, start } = messages[i]!;
      // What lies one behind the other is copied in one piece.
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

/** The state of a batch that has just been written: nothing has gone. */
export function wholeBatch(messages: number, bytes: number): BatchState {
  const gone = new Uint8Array(Math.ceil(messages / 8));
  return { gone, left: messages, leftBytes: bytes - TIME_BYTES, bytes };
}

/** A message in a batch. */
export interface BatchedMessage extends Batchable {
  /** Which one it is. */
  readonly position: number;
}

/**
 * The messages of a batch that have not gone, of those from position `from` up to, and without, `to`.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the value is none, or is cut off.
 */
export function readBatch(
  value: Uint8Array,
  gone: Uint8Array,
  from = 0,
  to = MAX_MESSAGES,
): BatchedMessage[] {
  if (value.length < TIME_BYTES) throw noBatch();
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const acceptedAt = view.getFloat64(0);
  const messages: BatchedMessage[] = [];
  let position = 0;
  for (let start = TIME_BYTES; start < value.length && position < to;) {
    if (start + HEADER_BYTES > value.length) throw noBatch();
    const end = start + HEADER_BYTES + view.getUint16(start + 2);
    if (value[start] === GAP) position += view.getUint16(start + 4);
    else {
      const isMessage = value[start] === FrameType.Message &&
        value[start + 1] === MessageKind.Durable;
      if (!isMessage || end > value.length || position >= MAX_MESSAGES) throw noBatch();
      if (position >= from && !hasBit(gone, position)) {
        messages.push({ position, acceptedAt, bytes: value, start, end });
      }
      position++;
    }
    start = end;
  }
  return messages;
}

/** The value of a batch without what has gone. */
export function shrinkBatch(value: Uint8Array, gone: Uint8Array): Uint8Array {
  const left = readBatch(value, gone);
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
 * What is left of a batch, from its value and the bits of what has gone, as both are in the database.
 * Same error as {@linkcode readBatch}.
 */
export function stateOf(value: Uint8Array, bits: Uint8Array | null): BatchState {
  const all = readBatch(value, NONE);
  const last = all.at(-1)?.position ?? 0;
  const gone = new Uint8Array(Math.max(last + 8 >>> 3, bits?.length ?? 0));
  if (bits) gone.set(bits);
  const left = all.filter(({ position }) => !hasBit(gone, position));
  const leftBytes = left.reduce((sum, { start, end }) => sum + end - start, 0);
  return { gone, left: left.length, leftBytes, bytes: value.length };
}

/** How many receipts there are, as they stand in a frame of type 6; none where they are cut off. */
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

function noBatch(): ProtocolError {
  return new ProtocolError(ErrorCode.Malformed, "Cannot read the batch: it is none, or cut off");
}
