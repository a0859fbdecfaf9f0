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
  /** The message as it stands in the payload of type 3. */
  readonly message: Uint8Array;
  /** When it was taken: milliseconds since 1970. */
  readonly acceptedAt: number;
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
   * returns. A message that is in both went before and has come again. `ends` says how the stories of
   * some that went have ended, for senders who did not hear it.
   */
  write(
    added: readonly StoredMessage[],
    removed: readonly string[],
    ends: readonly Receipt[],
  ): void;
}

/** Keeps nothing beyond what the mailbox has in memory. */
export const memoryStore: MailStore = {
  durable: false,
  load: () => [],
  loadEnds: () => [],
  write: () => {},
};
