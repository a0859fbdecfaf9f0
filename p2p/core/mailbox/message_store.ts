/**
 * Where kept messages are written down. Owns the interface, and the store that writes nothing; the one
 * with a database is the server's.
 *
 * @module
 */

import type { Receipt } from "@netlab/protocol/codec";

/** A message that is to be written down. */
export interface StoredMessage {
  /** The message's id, a UUID in text. */
  readonly id: string;
  /** The name of the user who sent it. */
  readonly sender: string;
  /** The name of the user it is for. */
  readonly recipient: string;
  /** The buffer in which it lies as a frame of type 3/1, header included. */
  readonly bytes: Uint8Array;
  /** Where that frame begins. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  /** When it was taken: milliseconds since 1970. */
  readonly acceptedAt: number;
  /**
   * Where the store has it, set when it has been written: the store's own number, not 0, and no other
   * message's as long as the process lasts. Of messages that are written together, the one behind
   * another mostly has the next number.
   *
   * @default {0}
   */
  offset: number;
}

/** Keeps messages, and how their stories ended, over the end of a process, or does not. */
export interface MessageStore {
  /** Whether what was written survives the end of the process, and a crash of the machine. */
  readonly durable: boolean;
  /** What was written and not removed, oldest first. */
  load(): Iterable<StoredMessage>;
  /**
   * What was written at those places and not removed, oldest first. What cannot be read is left out, and
   * stays where it is: it may be there at the next start.
   */
  read(offset: number, count: number): Iterable<StoredMessage>;
  /** How the stories of messages ended that were removed, as many as are remembered, oldest first. */
  loadEnds(): Iterable<Receipt>;
  /**
   * Takes out what went and writes what came: all of it, or nothing and an error. It is safe when this
   * returns. What goes was loaded or written before; a message that comes again is another one.
   *
   * @param ends How the stories of some that went have ended, for senders who did not hear it: receipts
   *   as they stand in a frame of type 6.
   */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
  ): void;
}

/** Keeps nothing beyond what the mailbox has in memory. */
export const memoryStore: MessageStore = {
  durable: false,
  load: () => [],
  read: () => [],
  loadEnds: () => [],
  write: () => {},
};
