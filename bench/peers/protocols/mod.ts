/**
 * All protocols that the generator speaks, by name.
 *
 * @module
 */
import { mqtt } from "./mqtt.ts";
import { nats } from "./nats.ts";
import * as netlab from "./netlab.ts";
import { ascii, fixedCounter, type Protocol, repeat, text } from "./protocol.ts";
import { redis, redisStream } from "./redis.ts";

/** Bytes that come back unchanged: the control for servers that do something with a message. */
const echo: Protocol = {
  join: () => [],
  batch: ({ size }, bytes, most) => repeat(ascii(text(size)), bytes, most),
  answers: ({ size }) => fixedCounter(size),
};

/** The protocols. */
export const PROTOCOLS = {
  "netlab-legacy": netlab.legacy,
  "netlab-batch": netlab.batch,
  "netlab-frames": netlab.frames,
  "netlab-receipts": netlab.receipts,
  "netlab-accepted": netlab.accepted,
  "nats": nats,
  "redis": redis,
  "redis-stream": redisStream,
  "mqtt-0": mqtt(0),
  "mqtt-1": mqtt(1),
  "echo": echo,
} as const satisfies Record<string, Protocol>;

/** The name of a protocol. */
export type ProtocolName = keyof typeof PROTOCOLS;
