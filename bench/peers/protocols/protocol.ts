/**
 * What a generator has to know of a protocol: bytes to send, and how to count what comes back. Owns
 * that shape and the simplest counter; knows no socket.
 *
 * @module
 */

/** Bytes to send, and whether what came since is the whole answer to them. */
export interface Exchange {
  /** What is sent; may be empty. */
  readonly send: Uint8Array<ArrayBuffer>;
  /**
   * Whether `received` is the whole answer.
   *
   * @throws {Error} When it is a refusal.
   */
  answered(received: Uint8Array): boolean;
}

/** Messages from one user to another, encoded ahead of time and sent again and again. */
export interface Batch {
  /** How many they are. */
  readonly messages: number;
  /**
   * So many of them, 1 to {@linkcode Batch.messages}, as what is to be sent; new ones each time, where
   * messages have ids. Valid until the next call.
   */
  next(count: number): Uint8Array<ArrayBuffer>;
}

/** Counts messages, or answers to them, in a stream of bytes. */
export interface Counter {
  /**
   * Takes what came in.
   *
   * @returns How many messages were complete with it.
   * @throws {Error} When it says that a message was refused.
   */
  take(bytes: Uint8Array, length: number): number;
  /** What is to be sent in return for what came since the last call, if anything. */
  reply?(): Uint8Array<ArrayBuffer> | undefined;
  /** Whether what came so far ends with the end of a message. */
  readonly whole: boolean;
}

/** A sender and its receiver, and what they say. */
export interface Talk {
  /** The sender's name. */
  readonly sender: string;
  /** The receiver's name. */
  readonly receiver: string;
  /** Bytes of text. */
  readonly size: number;
}

/** How one kind of server is spoken to. */
export interface Protocol {
  /** How a user signs on. */
  join(name: string, role: "sender" | "receiver"): readonly Exchange[];
  /** As many messages as fit into `bytes`, at least one and at most `most`. */
  batch(talk: Talk, bytes: number, most: number): Batch;
  /** Counts what the receiver gets; `undefined` where there is none, and the sender's answers count. */
  deliveries(talk: Talk): Counter | undefined;
  /** Counts the answers that the sender gets; `undefined` where it gets none. */
  answers(talk: Talk): Counter | undefined;
  /** What a user sends now and then who has nothing to say, where a server gives up the silent. */
  readonly signOfLife?: Uint8Array<ArrayBuffer>;
  /**
   * How many answers the sender gets for each message.
   *
   * @default {1}
   */
  readonly answersPerMessage?: number;
}

/** Counts messages that all have the same number of bytes. */
export class FixedCounter implements Counter {
  readonly #messageBytes: number;
  #rest = 0;

  /** A counter of messages of `messageBytes` each. */
  constructor(messageBytes: number) {
    this.#messageBytes = messageBytes;
  }

  get whole(): boolean {
    return this.#rest === 0;
  }

  take(_bytes: Uint8Array, length: number): number {
    const all = this.#rest + length;
    this.#rest = all % this.#messageBytes;
    return (all - this.#rest) / this.#messageBytes;
  }
}

/** One message again and again; `renew` makes the first `count` of all of them new ones. */
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

/** Whether `bytes` hold `wanted`, ASCII. */
export function contains(bytes: Uint8Array, wanted: string): boolean {
  return decoder.decode(bytes).includes(wanted);
}

const decoder = new TextDecoder("latin1");
const encoder = new TextEncoder();

/** ASCII as bytes. */
export function ascii(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}
