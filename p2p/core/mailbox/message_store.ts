/**
 * The interface of the store for durable messages, and a store that stores nothing. Knows no database:
 * the store with one is in `p2p/server/`.
 *
 * @module
 */

import type { Receipt } from "@netlab/protocol/codec";

/** A message for the store. */
export interface StoredMessage {
  /** The message's id, a UUID in text. */
  readonly id: string;
  /** The name of the user who sent it. */
  readonly sender: string;
  /** The name of the user it is for. */
  readonly recipient: string;
  /** The buffer that contains its frame of type 3/1, header included. */
  readonly bytes: Uint8Array;
  /** The offset of that frame in the buffer. */
  readonly start: number;
  /** The end of that frame in the buffer. */
  readonly end: number;
  /** When it was accepted: milliseconds since 1970. */
  readonly acceptedAt: number;
  /**
   * The position of the message in the store: a number other than 0 that identifies it while the process
   * runs. The store sets it when it writes the message. Messages that are written together usually have
   * consecutive offsets.
   *
   * @default {0}
   */
  offset: number;
}

/**
 * Thrown by a store whose files were removed or replaced while it runs. The message says which, as a sentence
 * without an end.
 */
export class StoreGoneError extends Error {
  /** `StoreGoneError`. */
  override name = "StoreGoneError";
}

/** Stores messages and their outcomes: on disk, at other machines, or not at all. */
export interface MessageStore {
  /** Whether written data survives the end of the process and a crash of the machine. */
  readonly durable: boolean;
  /**
   * Whether other servers deliver what is stored when this one has gone. It then hands nothing off, and
   * {@linkcode MessageStore.read} returns nothing: the messages also stay in memory.
   *
   * @default {false}
   */
  readonly isShared?: boolean;
  /**
   * Whether added messages are refused at once, because an earlier write takes too long.
   *
   * @default {false}
   */
  readonly refuses?: boolean;
  /** Returns the stored messages, oldest first. */
  load(): Iterable<StoredMessage>;
  /**
   * Returns the stored messages in a range of offsets, oldest first. Messages that cannot be read are
   * left out but stay in the store: they may be readable at the next start.
   */
  read(offset: number, count: number): Iterable<StoredMessage>;
  /** Returns the remembered outcomes of removed messages, oldest first. */
  loadOutcomes(): Iterable<Receipt>;
  /** Returns the stored names of users, oldest first. */
  loadNames(): Iterable<string>;
  /**
   * Removes messages and adds messages: all of them, or none and an error.
   *
   * A store that needs time for that returns when it will be done. It is not called again before, unless it
   * {@linkcode MessageStore.refuses} more. If that fails, those of the added messages were not written whose offset is
   * still 0.
   *
   * @param removed Messages that were loaded or written before.
   * @param outcomes Outcomes of removed messages, for senders who did not get a receipt: receipts as in a
   *   frame of type 6.
   * @param names New names of users. The store may forget the oldest ones.
   * @returns Nothing if the data is safe now.
   * @throws {StoreGoneError} If nothing was written because {@linkcode MessageStore.check} found the files gone.
   * @throws If nothing was written for another reason.
   */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    outcomes: Uint8Array,
    names: Iterable<string>,
  ): PromiseLike<void> | void;
  /**
   * Finds out whether what was written is still where the next start will look for it, and does the store's
   * regular work. Call it about twice a second.
   *
   * @returns The reason if it is not. {@linkcode MessageStore.write} then fails until a later check succeeds.
   */
  check(): StoreGoneError | undefined;
  /**
   * Copies what is stored to a new place, because {@linkcode MessageStore.check} found the files gone and the server
   * closes. Stores without files lack this.
   *
   * @param removed Messages that are not copied.
   * @param outcomes Outcomes to add to the copy, as for {@linkcode MessageStore.write}.
   * @returns The place, for people.
   * @throws If the copy is not complete.
   */
  rescue?(removed: readonly StoredMessage[], outcomes: Uint8Array): string;
}

/** A store that stores nothing: messages are in memory only. */
export const memoryStore: MessageStore = {
  durable: false,
  load: () => [],
  read: () => [],
  loadOutcomes: () => [],
  loadNames: () => [],
  write: () => {},
  check: () => undefined,
};
