/**
 * The offsets of messages in the store: which batch a message is in, and at which position.
 *
 * @module
 */
import type { StoredMessage } from "../../../core/mailbox/message_store.ts";
import { MAX_MESSAGES } from "./batch_codec.ts";

/**
 * The offset of a message is `batch number * OFFSETS_PER_BATCH + position in the batch`. This is one more than
 * the messages of a batch, so that the last offset of a batch and the first of the next one are not adjacent.
 */
export const OFFSETS_PER_BATCH: number = MAX_MESSAGES + 1;

/** Groups messages by the number of their batch. Leaves out messages that were never stored. */
export function byBatch(messages: readonly StoredMessage[]): Map<number, StoredMessage[]> {
  const batches = new Map<number, StoredMessage[]>();
  let last = 0;
  let batch: StoredMessage[] = [];
  for (const message of messages) {
    if (message.offset === 0) continue;
    const number = Math.floor(message.offset / OFFSETS_PER_BATCH);
    if (number !== last) {
      last = number;
      batch = batches.get(number) ?? [];
      batches.set(number, batch);
    }
    batch.push(message);
  }
  return batches;
}
