/**
 * What NATS needs from the server that uses it, and what it gives to that server. The types of the server fit these,
 * so that this package needs none of its modules.
 *
 * @module
 */

/** What became of a change of the table. */
export type Written = { readonly revision: number } | "conflict" | "failed";

/** An entry of the table. */
export interface Entry {
  /** Its value; `undefined` if it was deleted. */
  readonly value: Uint8Array | undefined;
  /** Its revision; 0 if there never was such an entry. */
  readonly revision: number;
}

/** A message to store, or a stored one. */
export interface Message {
  /** Its id, a UUID in text. */
  readonly id: string;
  /** The name of the user who sent it. */
  readonly sender: string;
  /** The name of the user it is for. */
  readonly recipient: string;
  /** The buffer that contains its frame. */
  readonly bytes: Uint8Array;
  /** The offset of the frame in the buffer. */
  readonly start: number;
  /** The end of the frame in the buffer. */
  readonly end: number;
  /** When it was accepted: milliseconds since 1970. */
  readonly acceptedAt: number;
  /** Its sequence number in the stream; 0 until it is stored. */
  offset: number;
}

/** Takes log lines. */
export interface Log {
  /** Logs something that happens often. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** Logs something that people may want to know. */
  info(message: string, properties?: Record<string, unknown>): void;
  /** Logs something that people should look at. */
  warn(message: string, properties?: Record<string, unknown>): void;
}

/** The network of servers, which NATS tells what happens. */
export interface Network {
  /** Whole frames of another server have arrived. */
  frames(from: string, frames: Uint8Array): void;
  /** Another server is alive, and has lost NATS so many times. */
  beat(from: string, losses: number): void;
  /** Another server has left. */
  left(from: string): void;
  /** An entry of the table was changed, or was there at the beginning. */
  changed(key: string, entry: Entry): void;
  /** More may be sent. */
  ready(): void;
  /** The connection to NATS is lost for now. */
  lost(): void;
  /** Called when a server is gone, or a partition has another server. */
  onPartitions: () => void;
  /** Returns whether a server, by its id, is gone. */
  isGone(server: string): boolean;
  /** Returns the partitions of the stream, and the id of the server that delivers what is in each. */
  partitions(): Iterable<readonly [partition: string, server: string]>;
  /** Adds a partition that was found without an entry, and the server that created it. */
  found(partition: string, server: string): void;
  /** Makes this server the one that has a partition, unless another one was faster. */
  take(partition: string, done: (isTaken: boolean) => void): void;
  /** Gives an empty partition up. */
  drop(partition: string): void;
}

/** The server that uses NATS. */
export interface NatsHost {
  /** The network of servers. */
  readonly network: Network;
  /** The logger of the server. */
  readonly logger: Log;
  /** Lets something happen in the server, and sends what follows from it. */
  enter(run: () => void): void;
  /** Takes messages over that another server has stored. Called within {@linkcode NatsHost.enter}. */
  adopt(messages: Iterable<Message>): void;
}
