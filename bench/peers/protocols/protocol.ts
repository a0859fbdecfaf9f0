/**
 * What the generator needs to know about a protocol: which bytes to send, and how to count the messages
 * in the bytes that come back. Must not know sockets.
 *
 * @module
 */

/** One step of joining: bytes to send, and the answer to wait for. */
export interface Exchange {
  /** The bytes to send. May be empty. */
  readonly send: Uint8Array<ArrayBuffer>;
  /**
   * Whether `received` contains the complete answer.
   *
   * @throws {Error} When the server refuses the user.
   */
  answered(received: Uint8Array): boolean;
}

/** Messages from one user to another, encoded once and sent many times. */
export interface Batch {
  /** The largest number of messages that {@linkcode Batch.next} accepts. */
  readonly messages: number;
  /** The bytes of the next `count` messages, with new ids if they have ids. Valid until the next call. */
  next(count: number): Uint8Array<ArrayBuffer>;
}

/** Counts messages, or answers to messages, in a stream of bytes. */
export interface Counter {
  /**
   * Reads the next `length` bytes of the stream.
   *
   * @returns The number of messages that end in them.
   * @throws {Error} When the server refused a message.
   */
  take(bytes: Uint8Array, length: number): number;
  /** The bytes to send back for what was counted since the last call, if any. */
  reply?(): Uint8Array<ArrayBuffer> | undefined;
  /** Whether the stream so far ends at the end of a message. */
  readonly whole: boolean;
}

/** A sender, its receiver and the bytes of text in each of their messages. */
export interface Talk {
  readonly sender: string;
  readonly receiver: string;
  readonly size: number;
}

/** How to talk to one kind of server. */
export interface Protocol {
  /** The steps in which a user joins. */
  join(name: string, role: "sender" | "receiver"): readonly Exchange[];
  /** As many messages as fit into `bytes`: at least one, at most `most`. */
  batch(talk: Talk, bytes: number, most: number): Batch;
  /** Counts what the receiver gets. Without it there is no receiver, and the answers count. */
  deliveries?(talk: Talk): Counter;
  /** Counts the answers to the sender, if the server sends any. */
  answers?(talk: Talk): Counter;
  /** The number of answers to each message. The default is 1. */
  readonly answersPerMessage?: number;
  /** What an idle user sends from time to time to a server that closes silent connections. */
  readonly signOfLife?: Uint8Array<ArrayBuffer>;
}

/** Counts messages in a stream of records that tell their length in their first bytes. */
export class RecordCounter implements Counter {
  readonly #head: Uint8Array;
  readonly #length: (head: Uint8Array) => number;
  readonly #count: (head: Uint8Array) => number;
  #headBytes = 0;
  /** Bytes of the present record that are still to come. */
  #left = 0;

  /**
   * @param headBytes How many bytes at the start of a record both functions need.
   * @param length The length of the record that starts with these bytes.
   * @param count The number of messages in that record. It is called at the end of the record.
   */
  constructor(
    headBytes: number,
    length: (head: Uint8Array) => number,
    count: (head: Uint8Array) => number,
  ) {
    this.#head = new Uint8Array(headBytes);
    this.#length = length;
    this.#count = count;
  }

  get whole(): boolean {
    return this.#headBytes === 0;
  }

  take(bytes: Uint8Array, length: number): number {
    const head = this.#head;
    let count = 0;
    for (let at = 0; at < length;) {
      if (this.#headBytes < head.length) {
        head[this.#headBytes++] = bytes[at++]!;
        if (this.#headBytes < head.length) continue;
        this.#left = this.#length(head) - head.length;
      }
      const step = Math.min(this.#left, length - at);
      at += step;
      this.#left -= step;
      if (this.#left > 0) continue;
      this.#headBytes = 0;
      count += this.#count(head);
    }
    return count;
  }
}

/** Counts messages that all have the same length, without a look at them. */
export function fixedCounter(messageBytes: number): Counter {
  let rest = 0;
  return {
    get whole() {
      return rest === 0;
    },
    take(_bytes, length) {
      const total = rest + length;
      rest = total % messageBytes;
      return (total - rest) / messageBytes;
    },
  };
}

/** Repeats one message. `renew` gives the first `count` messages in `all` new ids. */
export function repeat(
  message: Uint8Array,
  bytes: number,
  most: number,
  renew: (all: Uint8Array<ArrayBuffer>, count: number) => void = () => {},
): Batch {
  const messages = Math.max(1, Math.min(most, Math.floor(bytes / message.length)));
  const all = new Uint8Array(messages * message.length);
  for (let i = 0; i < messages; i++) all.set(message, i * message.length);
  return {
    messages,
    next(count) {
      renew(all, count);
      return all.subarray(0, count * message.length);
    },
  };
}

/** A text of `size` bytes. */
export function text(size: number): string {
  return "abcdefghijklmnopqrstuvwxyz".repeat(Math.ceil(size / 26)).slice(0, size);
}

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");

/** Looks for `expected` in an answer, one character for each byte. A refusal starts with `refusal`. */
export function expecting(expected: string, refusal?: string): Exchange["answered"] {
  return (received) => {
    const text = latin1.decode(received);
    if (text.includes(expected)) return true;
    if (refusal && text.length >= expected.length && text.startsWith(refusal)) {
      throw new Error("Cannot join: the server refused the user");
    }
    return false;
  };
}

/** ASCII text as bytes. */
export function ascii(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}
