/**
 * The two kinds of connection to a legacy server: a lasting one for requests, and one for each message. A
 * legacy server reads a message until its connection ends, so each message needs its own. Does not know
 * which messages are sent.
 *
 * @module
 */
import type { Connection, Party } from "../connection/connection.ts";

/** A message that waits for a legacy server. */
export interface WaitingMessage {
  /** The message's id, a UUID in text. */
  readonly id: string;
  /** The message as the payload of type 3 carries it. */
  readonly message: Uint8Array;
  /** Called when the server has taken the message, or with the reason why it has not. */
  readonly done: (failure?: string) => void;
}

/** A legacy server, on the connection over which it is asked for its users. */
export class LegacyServer implements Party {
  readonly isPausable = false;
  /** The names that the server last listed. */
  users: ReadonlySet<string> = new Set();
  /** The messages for its users. The first one is in flight. */
  readonly messages: WaitingMessage[] = [];
  /** When the last request was sent: milliseconds since 1970. */
  askedAt: number;
  /** When the last response arrived: milliseconds since 1970. */
  answeredAt: number;

  /**
   * Creates a legacy server that was found at `address`.
   *
   * @param now The current time: milliseconds since 1970.
   */
  constructor(readonly connection: Connection, readonly address: string, now: number) {
    this.askedAt = now;
    this.answeredAt = now;
  }

  /** The server's address. */
  get label(): string {
    return this.address;
  }

  /** The size of the messages that wait for the server: bytes. There are at most a thousand. */
  get waitingBytes(): number {
    return this.messages.reduce((sum, { message }) => sum + message.length, 0);
  }

  /** Returns whether the message with this id waits for the server. */
  isWaiting(id: string): boolean {
    return this.messages.some((message) => message.id === id);
  }
}

/** A connection to a legacy server that carries one frame. */
export class LegacyDelivery implements Party {
  readonly isPausable = false;

  /**
   * Creates a connection to the server at the address `label`.
   *
   * @param finish Called when the connection has ended.
   */
  constructor(readonly label: string, readonly finish: () => void) {}
}
