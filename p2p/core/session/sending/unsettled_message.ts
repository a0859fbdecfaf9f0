/**
 * A durable message that a user has sent and that is not settled: what must be known to send it again, to give
 * it up, and to report its outcome. Decides nothing.
 *
 * @module
 */
import type { Message, MessageId, NetlabError } from "@netlab/protocol/codec";
import type { Notice } from "../notice.ts";

/**
 * The time from the acceptance of a message to the first query for its outcome: milliseconds. It doubles
 * after each query.
 */
export const QUERY_AFTER_MS = 5_000;

/**
 * How far a settled message got. `delivered` means that the recipient's client acknowledged it. `sent` means
 * that it was passed to a legacy server or client, which does not confirm messages.
 */
export type DeliveryStatus = "delivered" | "sent";

/** Receives the outcome of a sent message. */
export interface SendListener {
  /**
   * Called when the network has stored the message, or has delivered it without storing it, or has refused it
   * with an error. `notice` is set if the server has something to say about it.
   */
  accepted(error?: NetlabError, notice?: Notice): void;
  /**
   * Called when the message is settled, after `accepted`. `outcome` is how far it got, or the error that
   * stopped it.
   */
  settled(outcome: DeliveryStatus | NetlabError): void;
}

/** A message to send, without its id, which is passed as numbers. */
export type NewMessage = Omit<Message, "id">;

/** A message that was passed to {@linkcode SendQueue.send} and is not settled. */
export class UnsettledMessage implements MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** Whether the network has stored the message. */
  isAccepted = false;
  /** Whether an earlier server may have taken the message, whose answer did not arrive. */
  isElsewhere = false;
  /** How many messages the queue had written when it wrote this one last. */
  number = 0;
  /**
   * The time at which the message fails unless it is accepted: milliseconds of the queue's clock. Set when the
   * server has certainly read the message.
   */
  deadline: number | undefined = undefined;
  /** The size of the message on the current connection: bytes. 0 if it was not written there. */
  bytes = 0;
  readonly sender: string;
  readonly recipient: string;
  /** Empty once the message is accepted, because it is not sent again. */
  text: string;
  /** The time from {@linkcode queriedAt} to the next query for the outcome: milliseconds. */
  queryAfterMs = QUERY_AFTER_MS;
  /** The time at which the message was accepted or its outcome was last queried: milliseconds. */
  queriedAt = 0;
  readonly timeoutMs: number;
  readonly listener: SendListener;

  constructor(
    id: Int32Array,
    { sender, recipient, text }: NewMessage,
    timeoutMs: number,
    listener: SendListener,
  ) {
    this.timeoutMs = timeoutMs;
    this.listener = listener;
    this.sender = sender;
    this.recipient = recipient;
    this.text = text;
    this.id0 = id[0]!;
    this.id1 = id[1]!;
    this.id2 = id[2]!;
    this.id3 = id[3]!;
  }
}
