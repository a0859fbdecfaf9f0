/**
 * Messages that were written down together are one value in the database, as what costs time there is
 * the number of rows. Owns how they lie in that value, and which of them have gone; knows no database.
 *
 * @module
 */
import { ErrorCode, ProtocolError, ReceiptCursor } from "@netlab/protocol";
import type { StoredMessage } from "./core/mail_store.ts";

/** In front of a message: `u32` its position in the batch, `u32` its bytes, `f64` when it was taken. */
const HEADER_BYTES = 16;
/** What is too much for one batch begins another: messages, and bytes. */
const MAX_MESSAGES = 4_096;
const MAX_BYTES = 1024 * 1024;
/** A batch of which so little is left is written anew without the rest: a part of its bytes. */
const SHRINK_AT = 1 / 4;
/** Unless there is nothing to gain: bytes, a page of the database. */
const MIN_SHRINK_BYTES = 4_096;

/** What has gone of a batch, and what is left. */
export interface BatchState {
  /** A bit for each position: whether that message has gone. */
  readonly gone: Uint8Array;
  /** How many messages are left. */
  readonly left: number;
  /** Their bytes, headers included. */
  readonly leftBytes: number;
  /** Bytes of the value in the database. */
  readonly bytes: number;
}

/** One batch. */
export class MailBatch {
  /** The number of its row. */
  readonly number: number;
  /** What is left of it. */
  state: BatchState;

  /** The batch in a row of the database. */
  constructor(number: number, state: BatchState) {
    this.number = number;
    this.state = state;
  }

  /** What will be left without some more messages; `undefined` when that is nothing. */
  without(messages: readonly StoredMessage[]): BatchState | undefined {
    const { bytes } = this.state;
    const gone = this.state.gone.slice();
    let { left, leftBytes } = this.state;
    for (const { position, message } of messages) {
      if (hasBit(gone, position!)) continue;
      gone[position! >>> 3]! |= 1 << (position! & 7);
      left--;
      leftBytes -= HEADER_BYTES + message.length;
    }
    return left > 0 ? { gone, left, leftBytes, bytes } : undefined;
  }
}

/** Whether so little is left of a batch that it is to be written anew. */
export function isWasteful({ leftBytes, bytes }: BatchState): boolean {
  return bytes > MIN_SHRINK_BYTES && leftBytes <= SHRINK_AT * bytes;
}

/** Splits what is to be written into batches. */
export function* inBatches(messages: readonly StoredMessage[]): Iterable<readonly StoredMessage[]> {
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < messages.length; i++) {
    bytes += messages[i]!.message.length;
    if (i - start + 1 < MAX_MESSAGES && bytes < MAX_BYTES) continue;
    yield messages.slice(start, i + 1);
    start = i + 1;
    bytes = 0;
  }
  if (start === 0 && messages.length > 0) yield messages;
  else if (start < messages.length) yield messages.slice(start);
}

/** The value of a batch. */
export function encodeBatch(messages: readonly StoredMessage[]): Uint8Array {
  let length = 0;
  for (const { message } of messages) length += HEADER_BYTES + message.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let position = 0; position < messages.length; position++) {
    const { message, acceptedAt } = messages[position]!;
    view.setUint32(at, position);
    view.setUint32(at + 4, message.length);
    view.setFloat64(at + 8, acceptedAt);
    bytes.set(message, at + HEADER_BYTES);
    at += HEADER_BYTES + message.length;
  }
  return bytes;
}

/** What is left of a batch that has just been written, which is all of it. */
export function wholeBatch(messages: readonly StoredMessage[], bytes: number): BatchState {
  const gone = new Uint8Array(Math.ceil(messages.length / 8));
  return { gone, left: messages.length, leftBytes: bytes, bytes };
}

/** A message in a batch. */
export interface BatchedMessage {
  /** Which one it is. */
  readonly position: number;
  /** When it was taken: milliseconds since 1970. */
  readonly acceptedAt: number;
  /** The message as it stands in the payload of type 3. */
  readonly message: Uint8Array;
}

/**
 * The messages of a batch that have not gone.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the value is none, or is cut off.
 */
export function readBatch(bytes: Uint8Array, gone: Uint8Array): BatchedMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: BatchedMessage[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + HEADER_BYTES;
    const end = start > bytes.length ? Infinity : start + view.getUint32(at + 4);
    if (end > bytes.length || view.getUint32(at) >= MAX_MESSAGES) {
      throw new ProtocolError(ErrorCode.Malformed, "Cannot read the batch: it is none, or cut off");
    }
    const position = view.getUint32(at);
    if (!hasBit(gone, position)) {
      const message = bytes.subarray(start, end);
      messages.push({ position, acceptedAt: view.getFloat64(at + 8), message });
    }
    at = end;
  }
  return messages;
}

/** The value of a batch without what has gone. */
export function shrinkBatch(bytes: Uint8Array, gone: Uint8Array): Uint8Array {
  const left = readBatch(bytes, gone);
  const parts = left.map(({ message }) =>
    bytes.subarray(
      message.byteOffset - bytes.byteOffset - HEADER_BYTES,
      message.byteOffset - bytes.byteOffset + message.length,
    )
  );
  const shrunk = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    shrunk.set(part, at);
    at += part.length;
  }
  return shrunk;
}

/** What is left of a batch, from its value and the bits of what has gone, in the database. */
export function stateOf(bytes: Uint8Array, bits: Uint8Array | null): BatchState {
  const all = readBatch(bytes, NONE);
  const most = all.reduce((most, { position }) => Math.max(most, position), 0);
  const gone = new Uint8Array(Math.max(Math.ceil((most + 1) / 8), bits?.length ?? 0));
  if (bits) gone.set(bits);
  const left = all.filter(({ position }) => !hasBit(gone, position));
  const leftBytes = left.reduce((sum, { message }) => sum + HEADER_BYTES + message.length, 0);
  return { gone, left: left.length, leftBytes, bytes: bytes.length };
}

/** How many receipts there are, as they stand in a frame of type 6. */
export function countReceipts(bytes: Uint8Array): number {
  const cursor = new ReceiptCursor().begin({ bytes, start: 0, end: bytes.length });
  let count = 0;
  while (cursor.next()) count++;
  return count;
}

const NONE = new Uint8Array(0);

function hasBit(bits: Uint8Array, position: number): boolean {
  return (bits[position >>> 3]! & (1 << (position & 7))) !== 0;
}
