/**
 * The part of the NATS client protocol that publishes and subscribes. Must not know sockets.
 *
 * @see {@link https://docs.nats.io/reference/reference-protocols/nats-protocol}
 * @module
 */
import {
  ascii,
  type Counter,
  expecting,
  type Protocol,
  RecordCounter,
  repeat,
  text,
} from "./protocol.ts";

const CONNECT =
  `CONNECT {"verbose":false,"pedantic":false,"protocol":0,"lang":"ts","version":"0"}\r\n`;
const PING = ascii("PING\r\n");
const PONG = ascii("PONG\r\n");

/** NATS: each user subscribes to the subject that has the user's name. */
export const nats: Protocol = {
  join: (name, role) => [
    { send: new Uint8Array(0), answered: expecting("\r\n") },
    {
      send: ascii(`${CONNECT}${role === "receiver" ? `SUB ${name} 1\r\n` : ""}PING\r\n`),
      answered: expecting("PONG\r\n", "-ERR"),
    },
  ],
  batch: ({ receiver, size }, bytes, most) =>
    repeat(ascii(`PUB ${receiver} ${size}\r\n${text(size)}\r\n`), bytes, most),
  deliveries: ({ receiver, size }) =>
    natsCounter(`MSG ${receiver} 1 ${size}\r\n`.length + size + 2),
};

/** Counts deliveries, which all have the same length, and answers a PING between two of them. */
function natsCounter(messageBytes: number): Counter {
  let pings = 0;
  const isPing = (head: Uint8Array) => head[0] === PING[0];
  const counter = new RecordCounter(
    1,
    (head) => isPing(head) ? PING.length : messageBytes,
    (head) => {
      if (!isPing(head)) return 1;
      pings++;
      return 0;
    },
  );
  return Object.assign(counter, {
    reply() {
      if (pings === 0) return undefined;
      pings = 0;
      return PONG;
    },
  });
}
