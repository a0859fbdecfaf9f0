/**
 * The wire format: frames and their payloads, as bytes and as values. Uses no connections, clocks or system
 * calls, so a routing core, a simulator and a browser can load it.
 *
 * @module
 */
export * from "./names/address.ts";
export * from "./buffers/buffer_total.ts";
export * from "./errors.ts";
export * from "./frame.ts";
export * from "./frame_decoder.ts";
export * from "./frame_writer.ts";
export * from "./invariant.ts";
export * from "./names/network.ts";
export * from "./names/reach.ts";
export * from "./payloads/batch.ts";
export { Envelope } from "./payloads/envelope.ts";
export * from "./payloads/error_frame.ts";
export * from "./payloads/information.ts";
export * from "./payloads/link_state.ts";
export * from "./payloads/message.ts";
export * from "./payloads/presence.ts";
export * from "./payloads/protected_name.ts";
export * from "./payloads/receipt.ts";
export * from "./payloads/registration.ts";
export * from "./payloads/status/server_events.ts";
export * from "./payloads/status/server_status.ts";
export * from "./payloads/status/server_users.ts";
export * from "./payloads/status/status_request.ts";
export * from "./payloads/token.ts";
export * from "./payloads/unneeded_presence.ts";
export * from "./names/quote.ts";
export * from "./names/names.ts";
export * from "./signed/server_key.ts";
export * from "./signed/statement.ts";
export * from "./text.ts";
export * from "./uuid.ts";
