/**
 * Asks what became of messages that were accepted. Owns when the outcome of a message is queried, and when again.
 * Does not know what follows from an answer.
 *
 * @module
 */
import {
  type FrameWriter,
  MAX_IDS_PER_QUERY,
  NIL_UUID,
  readUuidOf,
  writeReceiptQuery,
} from "@netlab/protocol/codec";
import { QUERY_AFTER_MS, type UnsettledMessage } from "./unsettled_message.ts";

/** The longest time between two queries for one message: milliseconds. */
const MAX_QUERY_AFTER_MS = 10 * 60_000;

/**
 * Queries the outcomes of messages that should be settled by now, because their receipts may be lost.
 *
 * @param now The current time: milliseconds.
 * @param maxWaiting The number of unsent bytes at which no more queries are written.
 */
export function queryOutcomes(
  unsettled: Iterable<UnsettledMessage>,
  out: FrameWriter,
  now: number,
  maxWaiting: number,
): void {
  let user = "";
  let ids: string[] = [];
  const write = () => {
    if (ids.length > 0) writeReceiptQuery(out, { to: NIL_UUID, user, ids }, 0);
    ids = [];
  };
  for (const message of unsettled) {
    const { sender, queryAfterMs, id0, id1, id2, id3 } = message;
    if (!message.isAccepted || now - message.queriedAt < queryAfterMs) continue;
    // The others are queried later, so that queries do not hold up messages on a slow link.
    if (out.length >= maxWaiting) break;
    message.queriedAt = now;
    message.queryAfterMs = Math.min(Math.max(2 * queryAfterMs, QUERY_AFTER_MS), MAX_QUERY_AFTER_MS);
    user = sender;
    ids.push(readUuidOf(Int32Array.of(id0, id1, id2, id3)));
    if (ids.length === MAX_IDS_PER_QUERY) write();
  }
  write();
}
