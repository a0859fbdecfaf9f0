/**
 * The fields that a message and a batch have in common: id, sender and recipient. Owns where they are in a
 * buffer, so that a server can forward both without decoding them. Does not know either layout.
 *
 * @module
 */

/** The positions of id, sender and recipient in a buffer. */
export class Envelope {
  /** The buffer. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view of {@linkcode Envelope.bytes}. */
  view: DataView = new DataView(this.bytes.buffer);
  /** The id as four big-endian words. In a batch, this is the id of the first message. */
  readonly idWords: Int32Array = new Int32Array(4);
  /** The start of the sender's name. */
  sender = 0;
  /** The end of the sender's name. */
  senderEnd = 0;
  /** The start of the recipient's name. */
  recipient = 0;
  /** The end of the recipient's name. */
  recipientEnd = 0;
  /** The end of the payload. */
  end = 0;

  /**
   * Sets the buffer. Makes a new view only when the buffer changes, because most payloads are in the buffer
   * of the last one.
   */
  use(bytes: Uint8Array): void {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Returns the position of the first NUL in `bytes` from `start` on and before `end`, or -1. */
export function findNul(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === 0) return at;
  return -1;
}
