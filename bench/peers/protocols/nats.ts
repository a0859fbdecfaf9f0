/**
 * The NATS client protocol, as far as publishing and subscribing go. Pure: bytes in, bytes out.
 *
 * @see {@link https://docs.nats.io/reference/reference-protocols/nats-protocol}
 * @module
 */
import {
  ascii,
  contains,
  type Counter,
  type Protocol,
  repeat,
  type Talk,
  text,
} from "./protocol.ts";

const CONNECT =
  `CONNECT {"verbose":false,"pedantic":false,"protocol":0,"lang":"ts","version":"0"}\r\n`;
const PING = ascii("PING\r\n");
const PONG = ascii("PONG\r\n");
const LETTER_P = 0x50;

/** NATS: every user subscribes to the subject that has its name. */
export const nats: Protocol = {
  join: (name, role) => [
    { send: new Uint8Array(0), answered: (received) => contains(received, "\r\n") },
    {
      send: ascii(`${CONNECT}${role === "receiver" ? `SUB ${name} 1\r\n` : ""}PING\r\n`),
      answered: (received) => {
        if (contains(received, "-ERR")) throw new Error("Cannot join: NATS refused it");
        return contains(received, "PONG\r\n");
      },
    },
  ],
  batch: ({ receiver, size }, bytes, most) =>
    repeat(ascii(`PUB ${receiver} ${size}\r\n${text(size)}\r\n`), bytes, most),
  deliveries: (talk) => new NatsCounter(talk),
  answers: () => undefined,
};

/** Counts deliveries, which are equally long; between two of them the server may ask for a PONG. */
class NatsCounter implements Counter {
  readonly #messageBytes: number;
  /** Bytes to come of what has begun. */
  #left = 0;
  #isMessage = false;
  #pings = 0;

  constructor({ receiver, size }: Talk) {
    this.#messageBytes = `MSG ${receiver} 1 ${size}\r\n`.length + size + 2;
  }

  get whole(): boolean {
    return this.#left === 0;
  }

  take(bytes: Uint8Array, length: number): number {
    let complete = 0;
    for (let at = 0; at < length;) {
      if (this.#left === 0) {
        this.#isMessage = bytes[at] !== LETTER_P;
        this.#left = this.#isMessage ? this.#messageBytes : PING.length;
        if (!this.#isMessage) this.#pings++;
      }
      const step = Math.min(this.#left, length - at);
      at += step;
      this.#left -= step;
      if (this.#left === 0 && this.#isMessage) complete++;
    }
    return complete;
  }

  reply(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#pings === 0) return undefined;
    this.#pings = 0;
    return PONG;
  }
}
