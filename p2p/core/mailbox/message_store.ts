/**
 * Where durable messages are written down. Owns the interface, and the store that writes nothing. The
 * store with a database is in `p2p/server/`.
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
  /** The buffer in which its frame of type 3/1 lies, header included. */
  readonly bytes: Uint8Array;
  /** Where that frame begins. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  /** When it was accepted: milliseconds since 1970. */
  readonly acceptedAt: number;
  /**
   * Where the store has it: a number of the store's own, not 0, that no other message has while the process
   * runs. The store sets it when it has written the message. Messages that are written together mostly
   * have consecutive numbers.
   *
   * @default {0}
   */
  offset: number;
}

/** Stores messages and their outcomes, on disk or not at all. */
export interface MessageStore {
  /** Whether what was written survives the end of the process, and a crash of the machine. */
  readonly durable: boolean;
  /** What was written and not removed, oldest first. */
  load(): Iterable<StoredMessage>;
  /**
   * What was written at those offsets and not removed, oldest first. What cannot be read is left out, and
   * stays where it is: it may be readable at the next start.
   */
  read(offset: number, count: number): Iterable<StoredMessage>;
  /** The outcomes of messages that were removed, as many as are remembered, oldest first. */
  loadOutcomes(): Iterable<Receipt>;
  /**
   * Removes messages and adds messages: all of it, or nothing and an error. It is safe when this returns.
   *
   * @param removed Messages that were loaded or written before.
   * @param outcomes The outcomes of some removed messages, for senders who did not hear of them: receipts
   *   as a frame of type 6 carries them.
   */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    outcomes: Uint8Array,
  ): void;
}

/** Stores nothing: messages are in memory alone. */
export const memoryStore: MessageStore = {
  durable: false,
  load: () => [],
  read: () => [],
  loadOutcomes: () => [],
  write: () => {},
};
