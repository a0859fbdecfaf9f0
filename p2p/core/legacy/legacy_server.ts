/**
 * The two kinds of connection to a legacy server: a lasting one for questions, and one for each message.
 * Legacy servers read a message to the end of its connection, so that each needs its own.
 *
 * @module
 */
import type { Connection, Party } from "../connection.ts";

/** A message that waits for a legacy server. */
export interface WaitingMessage {
  /** The message's id, a UUID in text. */
  readonly id: string;
  /** The message as the payload of type 3 carries it. */
  readonly message: Uint8Array;
  /** Is called when the server has taken the message, or with the reason why it did not. */
  readonly done: (failure?: string) => void;
}

/** A legacy server that is asked for its users. */
export class LegacyServer implements Party {
  readonly isPausable = false;
  /** The names that it listed last. */
  users: ReadonlySet<string> = new Set();
  /** The messages for its users; the first one is on its way. */
  readonly messages: WaitingMessage[] = [];
  /** When it was asked last: milliseconds since 1970. */
  askedAt: number;
  /** When it answered last: milliseconds since 1970. */
  answeredAt: number;

  /** A legacy server that was found at `address` at the time `now`. */
  constructor(readonly connection: Connection, readonly address: string, now: number) {
    this.askedAt = now;
    this.answeredAt = now;
  }

  /** Its address. */
  get label(): string {
    return this.address;
  }

  /** Whether the message with that id waits for it. */
  isWaiting(id: string): boolean {
    return this.messages.some((message) => message.id === id);
  }
}

/** A connection to a legacy server that carries one frame. */
export class LegacyDelivery implements Party {
  readonly isPausable = false;

  /** A connection to the server at `label`, an address; `finish` is called when the connection has ended. */
  constructor(readonly label: string, readonly finish: () => void) {}
}
