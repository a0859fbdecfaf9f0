/**
 * Makes messages for a mailbox of what was read from a batch.
 *
 * @module
 */
import { HEADER_BYTES, MessageFields, messageId, readName } from "@netlab/protocol/codec";
import type { StoredMessage } from "../../../core/mailbox/message_store.ts";
import type { WholeFrame } from "../../../core/routing/frame_run.ts";

const fields = new MessageFields();

/**
 * Returns a stored message.
 *
 * @param frame The message frame. It must be good.
 * @param acceptedAt When it was accepted: milliseconds.
 * @param offset Where it is in the store.
 */
export function storedMessage(
  { bytes, start, end }: WholeFrame,
  acceptedAt: number,
  offset: number,
): StoredMessage {
  fields.read(bytes, start + HEADER_BYTES, end);
  return {
    id: messageId(fields),
    sender: readName(bytes, fields.sender, fields.senderEnd),
    recipient: readName(bytes, fields.recipient, fields.recipientEnd),
    ...{ bytes, start, end, acceptedAt, offset },
  };
}
