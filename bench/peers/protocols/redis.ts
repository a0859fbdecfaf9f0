/**
 * The part of RESP, the protocol of Redis, that publishes, subscribes and adds to streams. Must not know
 * sockets.
 *
 * @see {@link https://redis.io/docs/latest/develop/reference/protocol-spec/}
 * @module
 */
import {
  ascii,
  type Counter,
  expecting,
  fixedCounter,
  type Protocol,
  repeat,
  text,
} from "./protocol.ts";

/** A command: an array of bulk strings. */
export function command(...words: string[]): Uint8Array<ArrayBuffer> {
  const bulks = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return ascii(`*${words.length}\r\n${bulks.join("")}`);
}

const PING = { send: command("PING"), answered: expecting("+PONG\r\n") };

/** Publish and subscribe: each user has the channel with the user's name. Redis stores nothing. */
export const redis: Protocol = {
  join: (name, role) =>
    role === "sender"
      ? [PING]
      : [{ send: command("SUBSCRIBE", name), answered: expecting(":1\r\n") }],
  batch: ({ receiver, size }, bytes, most) =>
    repeat(command("PUBLISH", receiver, text(size)), bytes, most),
  deliveries: ({ receiver, size }) => fixedCounter(command("message", receiver, text(size)).length),
  // The number of subscribers, which is one.
  answers: () => fixedCounter(":1\r\n".length),
};

/** Streams: each user has the stream with the user's name, and Redis stores what is added to it. */
export const redisStream: Protocol = {
  join: () => [PING],
  batch: ({ receiver, size }, bytes, most) =>
    repeat(command("XADD", receiver, "*", "text", text(size)), bytes, most),
  answers: entryIdCounter,
};

const LINE_END = 0x0a;
const DOLLAR = 0x24;

/** Counts ids of entries: bulk strings of two lines, of different lengths. */
function entryIdCounter(): Counter {
  let lines = 0;
  let last = LINE_END;
  return {
    get whole() {
      return last === LINE_END && lines % 2 === 0;
    },
    take(bytes, length) {
      const before = lines >> 1;
      for (let at = 0; at < length; at++) {
        if (this.whole && bytes[at] !== DOLLAR) throw new Error("Redis refused a message");
        last = bytes[at]!;
        if (last === LINE_END) lines++;
      }
      return (lines >> 1) - before;
    },
  };
}
