/**
 * The routing core of a messaging server, free of sockets, timers, clocks and randomness: the real
 * server, a simulator and a test drive the same class.
 *
 * @module
 */
export * from "./arrival.ts";
export * from "./box.ts";
export * from "./bundle_lane.ts";
export * from "./client_session.ts";
export * from "./counted_ids.ts";
export * from "./delivery.ts";
export * from "./directory.ts";
export * from "./discovery.ts";
export * from "./ended_stories.ts";
export * from "./fast_lane.ts";
export * from "./legacy.ts";
export * from "./frame_rules.ts";
export * from "./hand_over.ts";
export * from "./host.ts";
export * from "./id_table.ts";
export * from "./incoming.ts";
export * from "./link.ts";
export * from "./link_costs.ts";
export * from "./link_states.ts";
export * from "./mail_store.ts";
export * from "./mailbox.ts";
export * from "./mesh.ts";
export * from "./message_log.ts";
export * from "./pulse.ts";
export * from "./outgoing.ts";
export * from "./posting.ts";
export * from "./questions.ts";
export * from "./name_table.ts";
export * from "./place_runs.ts";
export * from "./place_table.ts";
export * from "./ready_frames.ts";
export * from "./receipts.ts";
export * from "./received_ids.ts";
export * from "./relay.ts";
export * from "./routing_core.ts";
export * from "./seen_ids.ts";
export * from "./seen_messages.ts";
export * from "./seen_table.ts";
export * from "./takeover.ts";
export * from "./topology.ts";
export * from "./users.ts";
export * from "./way_log.ts";
export type { Logger } from "../logger.ts";
