/**
 * NATS with JetStream as what connects netlab servers and stores their messages, instead of links between the
 * servers and a file on each.
 *
 * @module
 */
export { NatsEngine, type NatsOptions } from "./engine.ts";
export type { Entry, Log, Message, NatsHost, Network, Written } from "./host.ts";
export type { NatsBus, StorageOptions } from "./nats_bus.ts";
export type { Stored, StreamMessage, StreamStore } from "./stream_store.ts";
