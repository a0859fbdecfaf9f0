/**
 * A message that a session has received, on its way to the program: the message and what the program does
 * not see of it.
 *
 * @module
 */
import type { Message, MessageId } from "@netlab/protocol/codec";

/** A message, and its id in numbers, by which it is acknowledged. */
export class Incoming implements MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;

  /**
   * A message that has just come in.
   *
   * @param words Its id, as four numbers of 32 bits, big-endian.
   * @param isDurable Whether a server stores it until the program has taken it.
   */
  constructor(readonly message: Message, words: Int32Array, readonly isDurable: boolean) {
    this.id0 = words[0]!;
    this.id1 = words[1]!;
    this.id2 = words[2]!;
    this.id3 = words[3]!;
  }
}
