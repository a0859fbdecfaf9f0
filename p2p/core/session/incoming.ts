/**
 * A message that came in for a user, on its way to the program. Owns what is known of it besides what the
 * program gets to see.
 *
 * @module
 */
import type { Message, MessageId } from "@netlab/protocol/codec";

/** A message and the id by which it is acknowledged, in numbers. */
export class Incoming implements MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;

  /**
   * A message that has just come in.
   *
   * @param words Its id, as four numbers of 32 bits, big-endian.
   * @param isDurable Whether a server keeps it until it hears that the program has taken it.
   */
  constructor(readonly message: Message, words: Int32Array, readonly isDurable: boolean) {
    this.id0 = words[0]!;
    this.id1 = words[1]!;
    this.id2 = words[2]!;
    this.id3 = words[3]!;
  }
}
