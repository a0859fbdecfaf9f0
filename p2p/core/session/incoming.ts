/**
 * A received message with what the session needs to acknowledge it.
 *
 * @module
 */
import type { Message, MessageId } from "@netlab/protocol/codec";

/** A received message and its id as four 32-bit numbers. The session acknowledges the message by this id. */
export class Incoming implements MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** The message. */
  readonly message: Message;
  /** Whether a server stores the message until it is acknowledged. */
  readonly isDurable: boolean;

  /**
   * Wraps a message that has arrived.
   *
   * @param words The id of the message as four 32-bit numbers, big-endian.
   * @param isDurable Whether a server stores the message until it is acknowledged.
   */
  constructor(message: Message, words: Int32Array, isDurable: boolean) {
    this.message = message;
    this.isDurable = isDurable;
    this.id0 = words[0]!;
    this.id1 = words[1]!;
    this.id2 = words[2]!;
    this.id3 = words[3]!;
  }
}
