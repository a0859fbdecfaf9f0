/**
 * The sources of this package that run in a browser, as text. A web server serves them without their types.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import codecBuffersBufferPool from "./codec/buffers/buffer_pool.ts" with { type: "text" };
import codecBuffersBufferTotal from "./codec/buffers/buffer_total.ts" with { type: "text" };
import codecBuffersSharedBuffer from "./codec/buffers/shared_buffer.ts" with { type: "text" };
import codecBuffersWords from "./codec/buffers/words.ts" with { type: "text" };
import codecByteReader from "./codec/byte_reader.ts" with { type: "text" };
import codecErrors from "./codec/errors.ts" with { type: "text" };
import codecFrame from "./codec/frame.ts" with { type: "text" };
import codecFrameDecoder from "./codec/frame_decoder.ts" with { type: "text" };
import codecFrameWriter from "./codec/frame_writer.ts" with { type: "text" };
import codecInvariant from "./codec/invariant.ts" with { type: "text" };
import codecMod from "./codec/mod.ts" with { type: "text" };
import codecNamesAddress from "./codec/names/address.ts" with { type: "text" };
import codecNamesNames from "./codec/names/names.ts" with { type: "text" };
import codecNamesNetwork from "./codec/names/network.ts" with { type: "text" };
import codecNamesQuote from "./codec/names/quote.ts" with { type: "text" };
import codecNamesReach from "./codec/names/reach.ts" with { type: "text" };
import codecPayloadsBatch from "./codec/payloads/batch.ts" with { type: "text" };
import codecPayloadsEnvelope from "./codec/payloads/envelope.ts" with { type: "text" };
import codecPayloadsErrorFrame from "./codec/payloads/error_frame.ts" with { type: "text" };
import codecPayloadsInformation from "./codec/payloads/information.ts" with { type: "text" };
import codecPayloadsLinkState from "./codec/payloads/link_state.ts" with { type: "text" };
import codecPayloadsMessage from "./codec/payloads/message.ts" with { type: "text" };
import codecPayloadsPresence from "./codec/payloads/presence.ts" with { type: "text" };
import codecPayloadsProtectedName from "./codec/payloads/protected_name.ts" with { type: "text" };
import codecPayloadsReceipt from "./codec/payloads/receipt.ts" with { type: "text" };
import codecPayloadsRegistration from "./codec/payloads/registration.ts" with { type: "text" };
import codecPayloadsStatusServerEvents from "./codec/payloads/status/server_events.ts" with {
  type: "text",
};
import codecPayloadsStatusServerStatus from "./codec/payloads/status/server_status.ts" with {
  type: "text",
};
import codecPayloadsStatusServerUsers from "./codec/payloads/status/server_users.ts" with {
  type: "text",
};
import codecPayloadsStatusStatusRequest from "./codec/payloads/status/status_request.ts" with {
  type: "text",
};
import codecPayloadsToken from "./codec/payloads/token.ts" with { type: "text" };
import codecPayloadsUnneededPresence from "./codec/payloads/unneeded_presence.ts" with {
  type: "text",
};
import codecSignedServerKey from "./codec/signed/server_key.ts" with { type: "text" };
import codecSignedSignedText from "./codec/signed/signed_text.ts" with { type: "text" };
import codecSignedStatement from "./codec/signed/statement.ts" with { type: "text" };
import codecText from "./codec/text.ts" with { type: "text" };
import codecUuid from "./codec/uuid.ts" with { type: "text" };
import transportFlushScheduler from "./transport/flush_scheduler.ts" with { type: "text" };
import transportFrameConnection from "./transport/frame_connection.ts" with { type: "text" };
import transportLookout from "./transport/lookout.ts" with { type: "text" };
import transportPiece from "./transport/piece.ts" with { type: "text" };
import transportReadBuffer from "./transport/read_buffer.ts" with { type: "text" };
import transportReplyGate from "./transport/reply_gate.ts" with { type: "text" };
import transportSystemErrors from "./transport/system_errors.ts" with { type: "text" };
import transportTurns from "./transport/turns.ts" with { type: "text" };

/** The source to which each export of this package leads, as in `deno.json`. */
export const EXPORTS: ReadonlyMap<string, string> = new Map(Object.entries(config.exports));

/** The text of each source, by its path in the package. */
export const SOURCES: ReadonlyMap<string, string> = new Map([
  ["codec/buffers/buffer_pool.ts", codecBuffersBufferPool],
  ["codec/buffers/buffer_total.ts", codecBuffersBufferTotal],
  ["codec/buffers/shared_buffer.ts", codecBuffersSharedBuffer],
  ["codec/buffers/words.ts", codecBuffersWords],
  ["codec/byte_reader.ts", codecByteReader],
  ["codec/errors.ts", codecErrors],
  ["codec/frame.ts", codecFrame],
  ["codec/frame_decoder.ts", codecFrameDecoder],
  ["codec/frame_writer.ts", codecFrameWriter],
  ["codec/invariant.ts", codecInvariant],
  ["codec/mod.ts", codecMod],
  ["codec/names/address.ts", codecNamesAddress],
  ["codec/names/names.ts", codecNamesNames],
  ["codec/names/network.ts", codecNamesNetwork],
  ["codec/names/quote.ts", codecNamesQuote],
  ["codec/names/reach.ts", codecNamesReach],
  ["codec/payloads/batch.ts", codecPayloadsBatch],
  ["codec/payloads/envelope.ts", codecPayloadsEnvelope],
  ["codec/payloads/error_frame.ts", codecPayloadsErrorFrame],
  ["codec/payloads/information.ts", codecPayloadsInformation],
  ["codec/payloads/link_state.ts", codecPayloadsLinkState],
  ["codec/payloads/message.ts", codecPayloadsMessage],
  ["codec/payloads/presence.ts", codecPayloadsPresence],
  ["codec/payloads/protected_name.ts", codecPayloadsProtectedName],
  ["codec/payloads/receipt.ts", codecPayloadsReceipt],
  ["codec/payloads/registration.ts", codecPayloadsRegistration],
  ["codec/payloads/status/server_events.ts", codecPayloadsStatusServerEvents],
  ["codec/payloads/status/server_status.ts", codecPayloadsStatusServerStatus],
  ["codec/payloads/status/server_users.ts", codecPayloadsStatusServerUsers],
  ["codec/payloads/status/status_request.ts", codecPayloadsStatusStatusRequest],
  ["codec/payloads/token.ts", codecPayloadsToken],
  ["codec/payloads/unneeded_presence.ts", codecPayloadsUnneededPresence],
  ["codec/signed/server_key.ts", codecSignedServerKey],
  ["codec/signed/signed_text.ts", codecSignedSignedText],
  ["codec/signed/statement.ts", codecSignedStatement],
  ["codec/text.ts", codecText],
  ["codec/uuid.ts", codecUuid],
  ["transport/flush_scheduler.ts", transportFlushScheduler],
  ["transport/frame_connection.ts", transportFrameConnection],
  ["transport/lookout.ts", transportLookout],
  ["transport/piece.ts", transportPiece],
  ["transport/read_buffer.ts", transportReadBuffer],
  ["transport/reply_gate.ts", transportReplyGate],
  ["transport/system_errors.ts", transportSystemErrors],
  ["transport/turns.ts", transportTurns],
]);
