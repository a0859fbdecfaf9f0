/**
 * Where kept messages are written down. Owns the interface, and the store that writes nothing; the one
 * with a database is the server's.
 *
 * @module
 */

import type { Receipt } from "@netlab/protocol";

/** A message as it is written down. */
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
  /** What the store wrote it together with: the store's own, which finds it there to remove it. */
  batch?: unknown;
  /** Which one it is there. */
  position?: number;
}

/** Keeps messages, and how their stories ended, over the end of a process, or does not. */
export interface MailStore {
  /** Whether what was written survives the end of the process, and a crash of the machine. */
  readonly durable: boolean;
  /** What was written and not removed, oldest first. */
  load(): Iterable<StoredMessage>;
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
export const memoryStore: MailStore = {
  durable: false,
  load: () => [],
  loadEnds: () => [],
  write: () => {},
};
