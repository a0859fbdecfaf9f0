/**
 * All protocols that a generator speaks, by name.
 *
 * @module
 */
import { echo } from "./echo.ts";
import { mqtt } from "./mqtt.ts";
import { nats } from "./nats.ts";
import {
  netlabBatch,
  netlabDurable,
  netlabLegacy,
  netlabReceipts,
  netlabSession,
} from "./netlab.ts";
import type { Protocol } from "./protocol.ts";
import { redis, redisStream } from "./redis.ts";

export type { Batch, Counter, Exchange, Protocol, Talk } from "./protocol.ts";

/** The protocols. */
export const PROTOCOLS = {
  "netlab-bare": netlabLegacy,
  "netlab-batch": netlabBatch,
  "netlab-session": netlabSession,
  "netlab-receipts": netlabReceipts,
  "netlab-kept": netlabDurable,
  "nats": nats,
  "redis": redis,
  "redis-stream": redisStream,
  "mqtt-0": mqtt(0),
  "mqtt-1": mqtt(1),
  "echo": echo,
} as const satisfies Record<string, Protocol>;

/** The name of a protocol. */
export type ProtocolName = keyof typeof PROTOCOLS;
