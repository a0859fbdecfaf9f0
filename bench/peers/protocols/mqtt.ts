/**
 * The part of MQTT 3.1.1 that publishes and subscribes with QoS 0 and 1. Must not know sockets.
 *
 * @see {@link https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html}
 * @module
 */
import { ascii, type Counter, expecting, fixedCounter } from "./protocol.ts";
import { type Protocol, RecordCounter, repeat, type Talk, text } from "./protocol.ts";

const CONNECT = 0x10;
const PUBLISH = 0x30;
const PUBACK = 0x40;
const SUBSCRIBE = 0x82;
const PUBACK_BYTES = 4;
const MAX_PACKET_ID = 0xffff;

/** Publish and subscribe: each user has the topic with the user's name. */
export function mqtt(qos: 0 | 1): Protocol {
  const common: Protocol = {
    join(name, role) {
      // Protocol level 4, a clean session, no keep-alive. The last byte of an answer is its code.
      const connect = packet(CONNECT, field("MQTT"), [4, 2, 0, 0], field(name));
      const subscribe = packet(SUBSCRIBE, [0, 1], field(name), [qos]);
      return [
        { send: connect, answered: expecting("\x20\x02\x00\x00", "\x20\x02\x00") },
        { send: subscribe, answered: expecting(`\x90\x03\x00\x01${String.fromCharCode(qos)}`) },
      ].slice(0, role === "receiver" ? 2 : 1);
    },
    batch(talk, bytes, most) {
      const one = publish(talk, qos);
      return repeat(one, bytes, most, qos === 0 ? undefined : renewIds(one));
    },
    deliveries: (talk) => fixedCounter(publish(talk, qos).length),
  };
  if (qos === 0) return common;
  return {
    ...common,
    deliveries: (talk) => acknowledgingCounter(publish(talk, qos)),
    answers: () => fixedCounter(PUBACK_BYTES),
  };
}

/** A packet: type and flags, the length of the rest in groups of seven bits, and the rest. */
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

/** Where a PUBLISH packet has its packet id: after type, length and topic. */
function idOffset(message: Uint8Array): number {
  let at = 1;
  while (message[at++]! & 0x80);
  return at + 2 + ((message[at]! << 8) | message[at + 1]!);
}

/** Gives each message the next packet id, from 1 to 65,535. */
function renewIds(message: Uint8Array): (all: Uint8Array, count: number) => void {
  const offset = idOffset(message);
  let id = 0;
  return (all, count) => {
    for (let at = offset, left = count; left > 0; left--, at += message.length) {
      id = id % MAX_PACKET_ID + 1;
      all[at] = id >>> 8;
      all[at + 1] = id;
    }
  };
}

/** Counts deliveries with QoS 1, which all have the same length, and acknowledges each. */
function acknowledgingCounter(message: Uint8Array): Counter {
  const offset = idOffset(message);
  let acknowledgements: number[] = [];
  const counter = new RecordCounter(offset + 2, () => message.length, (head) => {
    acknowledgements.push(PUBACK, 2, head[offset]!, head[offset + 1]!);
    return 1;
  });
  return Object.assign(counter, {
    reply() {
      if (acknowledgements.length === 0) return undefined;
      const reply = Uint8Array.from(acknowledgements);
      acknowledgements = [];
      return reply;
    },
  });
}
