/**
 * The routing core of a messaging server, free of sockets, timers, clocks and randomness: the real
 * server, a simulator and a test drive the same class.
 *
 * @module
 */
export * from "./durable/inbound.ts";
export * from "./mailbox/recipient_queue.ts";
export * from "./routing/batch_fast_path.ts";
export * from "./session/client_session.ts";
export * from "./dedup/sequence_ids.ts";
export * from "./dedup/sender_streams.ts";
export * from "./dedup/stream_window.ts";
export * from "./durable/outbound.ts";
export * from "./mesh/directory.ts";
export * from "./mesh/discovery.ts";
export * from "./mailbox/outcomes.ts";
export * from "./routing/message_fast_path.ts";
export * from "./legacy/legacy_servers.ts";
export * from "./dispatch.ts";
export * from "./frame_rule.ts";
export * from "./routing/local_delivery.ts";
export * from "./host.ts";
export * from "./transport.ts";
export * from "./dedup/generational_cache.ts";
export * from "./dedup/hash_table.ts";
export * from "./dedup/id_table.ts";
export * from "./session/incoming.ts";
export * from "./connection.ts";
export * from "./mesh/link_costs.ts";
export * from "./mesh/link_states.ts";
export * from "./mailbox/message_store.ts";
export * from "./mailbox/mailbox.ts";
export * from "./mesh/mesh.ts";
export * from "./message_log.ts";
export * from "./failure_detector.ts";
export * from "./session/send_queue.ts";
export * from "./session/publish_queue.ts";
export * from "./durable/receipt_queries.ts";
export * from "./dedup/name_table.ts";
export * from "./mailbox/offset_runs.ts";
export * from "./dedup/offset_table.ts";
export * from "./routing/frame_run.ts";
export * from "./durable/receipts.ts";
export * from "./receipt.ts";
export * from "./dedup/received_ids.ts";
export * from "./routing/router.ts";
export * from "./routing_core.ts";
export * from "./routing_core_options.ts";
export * from "./dedup/seen_ids.ts";
export * from "./dedup/seen_messages.ts";
export * from "./dedup/seen_table.ts";
export * from "./durable/handoff.ts";
export * from "./mesh/topology.ts";
export * from "./users/registry.ts";
export * from "./mesh/route_log.ts";
export type { Logger } from "./logger.ts";
export * from "./mesh/peer.ts";
export * from "./users/user.ts";
export * from "./back_pressure.ts";
export * from "./mesh/locations.ts";
export * from "./legacy/legacy_server.ts";
export * from "./durable/outbound_sender.ts";
