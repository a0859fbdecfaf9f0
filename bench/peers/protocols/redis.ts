/**
 * RESP, the protocol of Redis, as far as publishing, subscribing and adding to streams go. Pure: bytes
 * in, bytes out.
 *
 * @see {@link https://redis.io/docs/latest/develop/reference/protocol-spec/}
 * @module
 */
import {
  ascii,
  contains,
  type Counter,
  type Exchange,
  FixedCounter,
  type Protocol,
  repeat,
  text,
} from "./protocol.ts";

/** A command: an array of bulk strings. */
export function command(...words: string[]): Uint8Array<ArrayBuffer> {
  const bulks = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return ascii(`*${words.length}\r\n${bulks.join("")}`);
}

const PING: Exchange = {
  send: command("PING"),
  answered: (received) => contains(received, "+PONG\r\n"),
};

/** Publish and subscribe: every user has the channel of its name. Nothing is kept. */
export const redis: Protocol = {
  join: (name, role) =>
    role === "sender" ? [PING] : [{
      send: command("SUBSCRIBE", name),
      answered: (received) => contains(received, ":1\r\n"),
    }],
  batch: ({ receiver, size }, bytes, most) =>
    repeat(command("PUBLISH", receiver, text(size)), bytes, most),
  deliveries: ({ receiver, size }) =>
    new FixedCounter(
      `*3\r\n$7\r\nmessage\r\n$${receiver.length}\r\n${receiver}\r\n$${size}\r\n`.length + size + 2,
    ),
  // How many have subscribed: one.
  answers: () => new FixedCounter(":1\r\n".length),
};

/** Streams: every user has the stream of its name, and what is added stays there. */
export const redisStream: Protocol = {
  join: () => [PING],
  batch: ({ receiver, size }, bytes, most) =>
    repeat(command("XADD", receiver, "*", "text", text(size)), bytes, most),
  deliveries: () => undefined,
  answers: () => new IdCounter(),
};

const LINE_END = 0x0a;
const LETTER_MINUS = 0x2d;
const LETTER_DOLLAR = 0x24;

/** Counts ids of entries: bulk strings, two lines each, which are not equally long. */
class IdCounter implements Counter {
  #lines = 0;
  #lineBegins = true;

  get whole(): boolean {
    return this.#lines === 0 && this.#lineBegins;
  }

  take(bytes: Uint8Array, length: number): number {
    let ids = 0;
    for (let at = 0; at < length; at++) {
      const byte = bytes[at];
      if (this.#lineBegins && this.#lines === 0 && byte !== LETTER_DOLLAR) {
        throw new Error(
          byte === LETTER_MINUS ? "Redis refused a message" : "Redis gave no id for a message",
        );
      }
      this.#lineBegins = byte === LINE_END;
      if (this.#lineBegins && ++this.#lines === 2) {
        this.#lines = 0;
        ids++;
      }
    }
    return ids;
  }
}
