/**
 * MQTT 3.1.1, as far as publishing and subscribing with QoS 0 and 1 go. Pure: bytes in, bytes out.
 *
 * @see {@link https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html}
 * @module
 */
import { ascii, type Batch, type Counter, FixedCounter } from "./protocol.ts";
import { type Protocol, repeat, type Talk, text } from "./protocol.ts";

const CONNECT = 0x10;
const CONNACK = 0x20;
const PUBLISH = 0x30;
const PUBACK = 0x40;
const SUBSCRIBE = 0x82;
const SUBACK = 0x90;
const PUBACK_BYTES = 4;
const MAX_PACKET_ID = 0xffff;

/** Publish and subscribe: every user has the topic of its name. */
export function mqtt(qos: 0 | 1): Protocol {
  return {
    join(name, role) {
      // Protocol level 4, a clean session, no keep-alive.
      const connect = packet(CONNECT, field("MQTT"), [4, 2, 0, 0], field(name));
      const subscribe = packet(SUBSCRIBE, [0, 1], field(name), [qos]);
      return [
        { send: connect, answered: (received) => isAnswer(received, CONNACK, 3) },
        ...role === "receiver"
          ? [{
            send: subscribe,
            answered: (received: Uint8Array) => isAnswer(received, SUBACK, 4),
          }]
          : [],
      ];
    },
    batch(talk, bytes, most): Batch {
      const one = publish(talk, qos);
      return qos === 0 ? repeat(one, bytes, most) : repeat(one, bytes, most, numbering(one));
    },
    deliveries(talk) {
      const { length } = publish(talk, qos);
      return qos === 0 ? new FixedCounter(length) : new PublishCounter(publish(talk, 1));
    },
    answers: () => qos === 0 ? undefined : new FixedCounter(PUBACK_BYTES),
  };
}

/** A packet: type and flags, the length of the rest in groups of seven bits, the rest. */
export function packet(type: number, ...parts: ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const rest = parts.flatMap((part) => Array.from(part));
  const length: number[] = [];
  for (let left = rest.length; length.length === 0 || left > 0; left >>>= 7) {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
  }
  return Uint8Array.from([type, ...length, ...rest]);
}

function field(name: string): number[] {
  return [name.length >>> 8, name.length & 0xff, ...ascii(name)];
}

function publish({ receiver, size }: Talk, qos: 0 | 1): Uint8Array {
  const id = qos === 0 ? [] : [0, 1];
  return packet(PUBLISH | (qos << 1), field(receiver), id, ascii(text(size)));
}

/** Where the packet id of a PUBLISH stands: behind type, length and topic. */
function idOffset(message: Uint8Array): number {
  let at = 1;
  while (message[at++]! & 0x80);
  return at + 2 + ((message[at]! << 8) | message[at + 1]!);
}

function isAnswer(received: Uint8Array, type: number, codeAt: number): boolean {
  if (received.length <= codeAt) return false;
  if (received[0] !== type || received[codeAt]! >= 0x80 || (type === CONNACK && received[codeAt])) {
    throw new Error("Cannot join: the MQTT server refused it");
  }
  return true;
}

/** Gives each message the next packet id, 1 to 65,535. */
function numbering(message: Uint8Array): (all: Uint8Array, count: number) => void {
  const offset = idOffset(message);
  let id = 0;
  return (bytes, count) => {
    for (let at = offset, left = count; left > 0; left--, at += message.length) {
      id = id % MAX_PACKET_ID + 1;
      bytes[at] = id >>> 8;
      bytes[at + 1] = id;
    }
  };
}

/** Counts deliveries with QoS 1, and acknowledges each. */
class PublishCounter implements Counter {
  readonly #messageBytes: number;
  readonly #idOffset: number;
  /** Where in the present message the next byte stands. */
  #position = 0;
  #id = 0;
  #acknowledged: number[] = [];

  constructor(message: Uint8Array) {
    this.#messageBytes = message.length;
    this.#idOffset = idOffset(message);
  }

  get whole(): boolean {
    return this.#position === 0;
  }

  take(bytes: Uint8Array, length: number): number {
    let messages = 0;
    for (let at = 0; at < length;) {
      const position = this.#position;
      if (position === this.#idOffset || position === this.#idOffset + 1) {
        this.#id = ((this.#id << 8) | bytes[at]!) & 0xffff;
        at++;
        this.#position++;
        continue;
      }
      const next = position < this.#idOffset ? this.#idOffset : this.#messageBytes;
      const step = Math.min(next - position, length - at);
      at += step;
      this.#position += step;
      if (this.#position === this.#messageBytes) {
        this.#position = 0;
        this.#acknowledged.push(this.#id);
        messages++;
      }
    }
    return messages;
  }

  reply(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#acknowledged.length === 0) return undefined;
    const reply = new Uint8Array(this.#acknowledged.length * PUBACK_BYTES);
    this.#acknowledged.forEach((id, index) =>
      reply.set([PUBACK, 2, id >>> 8, id & 0xff], index * PUBACK_BYTES)
    );
    this.#acknowledged = [];
    return reply;
  }
}
