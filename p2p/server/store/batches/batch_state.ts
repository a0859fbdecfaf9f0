/**
 * Which messages of a batch were removed, and when that is so many that the batch is rewritten. Must not know the
 * database.
 *
 * @module
 */
import { HEADER_BYTES, ReceiptCursor } from "@netlab/protocol/codec";
import type { WholeFrame } from "../../../core/routing/frame_run.ts";
import { CHECK_BYTES, hasBit, hasChecks, readBatch, TIME_BYTES } from "./batch_codec.ts";

/** A batch is rewritten without its removed messages when this share of its bytes is left. */
const SHRINK_AT = 1 / 4;
/** Smaller batches are not rewritten: it would not free a page of the database. */
const MIN_SHRINK_BYTES = 4_096;

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

/** The state of a batch that was just written: nothing was removed. */
export function wholeBatch(messages: number, bytes: number): BatchState {
  const removed = new Uint8Array(Math.ceil(messages / 8));
  const leftBytes = bytes - TIME_BYTES - CHECK_BYTES * (messages + 1);
  return { removed, left: messages, leftBytes, bytes };
}

/** The value of a batch without its removed messages. They must be good. */
export function shrinkBatch(number: number, value: Uint8Array, removed: Uint8Array): Uint8Array {
  const extra = hasChecks(number, value) ? CHECK_BYTES : 0;
  const shrunk = new Uint8Array(value.length);
  shrunk.set(value.subarray(0, TIME_BYTES + extra));
  let length = TIME_BYTES + extra;
  let next = 0;
  for (const { position, start, end } of readBatch(number, value, removed).messages) {
    if (position > next) {
      shrunk[length + 4] = (position - next) >>> 8;
      shrunk[length + 5] = position - next;
      length += HEADER_BYTES;
    }
    shrunk.set(value.subarray(start, end + extra), length);
    length += end + extra - start;
    next = position + 1;
  }
  return shrunk.subarray(0, length);
}

/** The state of a batch, from its value and the bits for its removed messages as stored in the database. */
export function stateOf(number: number, value: Uint8Array, bits: Uint8Array): BatchState {
  const { messages } = readBatch(number, value);
  const last = messages.at(-1)?.position ?? 0;
  const removed = new Uint8Array(Math.max(last + 8 >>> 3, bits.length));
  removed.set(bits);
  const left = messages.filter(({ position }) => !hasBit(removed, position));
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
