/**
 * The sources of this package that run in a browser, as text. A web server serves them without their types.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import client from "./client.ts" with { type: "text" };
import clientAsk from "./client/ask.ts" with { type: "text" };
import clientConnectionDialler from "./client/connection/dialler.ts" with { type: "text" };
import clientConnectionHandshake from "./client/connection/handshake.ts" with { type: "text" };
import clientConnectionLegacyText from "./client/connection/legacy_text.ts" with { type: "text" };
import clientConnectionProtections from "./client/connection/protections.ts" with { type: "text" };
import clientConnectionRegistration from "./client/connection/registration.ts" with {
  type: "text",
};
import clientConnectionServerConnection from "./client/connection/server_connection.ts" with {
  type: "text",
};
import clientConnectionSignOff from "./client/connection/sign_off.ts" with { type: "text" };
import clientConnectionSilence from "./client/connection/silence.ts" with { type: "text" };
import clientFailures from "./client/failures.ts" with { type: "text" };
import clientHomeNetwork from "./client/home_network.ts" with { type: "text" };
import clientNetworkWatch from "./client/network_watch.ts" with { type: "text" };
import clientOutbox from "./client/outbox.ts" with { type: "text" };
import clientOwnToken from "./client/own_token.ts" with { type: "text" };
import clientParts from "./client/parts.ts" with { type: "text" };
import clientRandomUuid from "./client/random_uuid.ts" with { type: "text" };
import clientRoamingCandidates from "./client/roaming/candidates.ts" with { type: "text" };
import clientRoamingEnding from "./client/roaming/ending.ts" with { type: "text" };
import clientRoamingKnownServers from "./client/roaming/known_servers.ts" with { type: "text" };
import clientRoamingRace from "./client/roaming/race.ts" with { type: "text" };
import clientRoamingRegistrar from "./client/roaming/registrar.ts" with { type: "text" };
import clientRoamingRoaming from "./client/roaming/roaming.ts" with { type: "text" };
import clientStatusConnection from "./client/status_connection.ts" with { type: "text" };
import coreDedupReceivedIds from "./core/dedup/received_ids.ts" with { type: "text" };
import coreDedupSeenIds from "./core/dedup/seen_ids.ts" with { type: "text" };
import coreDedupSenderStreams from "./core/dedup/sender_streams.ts" with { type: "text" };
import coreDedupSequenceIds from "./core/dedup/sequence_ids.ts" with { type: "text" };
import coreDedupStreamWindow from "./core/dedup/stream_window.ts" with { type: "text" };
import coreDedupTablesGenerationalCache from "./core/dedup/tables/generational_cache.ts" with {
  type: "text",
};
import coreDedupTablesHashTable from "./core/dedup/tables/hash_table.ts" with { type: "text" };
import coreDedupTablesIdTable from "./core/dedup/tables/id_table.ts" with { type: "text" };
import coreDedupTablesNameTable from "./core/dedup/tables/name_table.ts" with { type: "text" };
import coreMeshAddressesBackoff from "./core/mesh/addresses/backoff.ts" with { type: "text" };
import coreSessionClientSession from "./core/session/client_session.ts" with { type: "text" };
import coreSessionInbox from "./core/session/inbox.ts" with { type: "text" };
import coreSessionIncoming from "./core/session/incoming.ts" with { type: "text" };
import coreSessionLiveness from "./core/session/liveness.ts" with { type: "text" };
import coreSessionMessageQueue from "./core/session/message_queue.ts" with { type: "text" };
import coreSessionNotice from "./core/session/notice.ts" with { type: "text" };
import coreSessionPublishQueue from "./core/session/publish_queue.ts" with { type: "text" };
import coreSessionSendingOutcomeQueries from "./core/session/sending/outcome_queries.ts" with {
  type: "text",
};
import coreSessionSendingSendDeadlines from "./core/session/sending/send_deadlines.ts" with {
  type: "text",
};
import coreSessionSendingSendQueue from "./core/session/sending/send_queue.ts" with {
  type: "text",
};
import coreSessionSendingUnsettledMessage from "./core/session/sending/unsettled_message.ts" with {
  type: "text",
};
import coreSessionStatusQueries from "./core/session/status_queries.ts" with { type: "text" };

/** The source to which each export of this package leads, as in `deno.json`. */
export const EXPORTS: ReadonlyMap<string, string> = new Map(Object.entries(config.exports));

/** The text of each source, by its path in the package. */
export const SOURCES: ReadonlyMap<string, string> = new Map([
  ["client.ts", client],
  ["client/ask.ts", clientAsk],
  ["client/connection/dialler.ts", clientConnectionDialler],
  ["client/connection/handshake.ts", clientConnectionHandshake],
  ["client/connection/legacy_text.ts", clientConnectionLegacyText],
  ["client/connection/protections.ts", clientConnectionProtections],
  ["client/connection/registration.ts", clientConnectionRegistration],
  ["client/connection/server_connection.ts", clientConnectionServerConnection],
  ["client/connection/sign_off.ts", clientConnectionSignOff],
  ["client/connection/silence.ts", clientConnectionSilence],
  ["client/failures.ts", clientFailures],
  ["client/home_network.ts", clientHomeNetwork],
  ["client/network_watch.ts", clientNetworkWatch],
  ["client/outbox.ts", clientOutbox],
  ["client/own_token.ts", clientOwnToken],
  ["client/parts.ts", clientParts],
  ["client/random_uuid.ts", clientRandomUuid],
  ["client/roaming/candidates.ts", clientRoamingCandidates],
  ["client/roaming/ending.ts", clientRoamingEnding],
  ["client/roaming/known_servers.ts", clientRoamingKnownServers],
  ["client/roaming/race.ts", clientRoamingRace],
  ["client/roaming/registrar.ts", clientRoamingRegistrar],
  ["client/roaming/roaming.ts", clientRoamingRoaming],
  ["client/status_connection.ts", clientStatusConnection],
  ["core/dedup/received_ids.ts", coreDedupReceivedIds],
  ["core/dedup/seen_ids.ts", coreDedupSeenIds],
  ["core/dedup/sender_streams.ts", coreDedupSenderStreams],
  ["core/dedup/sequence_ids.ts", coreDedupSequenceIds],
  ["core/dedup/stream_window.ts", coreDedupStreamWindow],
  ["core/dedup/tables/generational_cache.ts", coreDedupTablesGenerationalCache],
  ["core/dedup/tables/hash_table.ts", coreDedupTablesHashTable],
  ["core/dedup/tables/id_table.ts", coreDedupTablesIdTable],
  ["core/dedup/tables/name_table.ts", coreDedupTablesNameTable],
  ["core/mesh/addresses/backoff.ts", coreMeshAddressesBackoff],
  ["core/session/client_session.ts", coreSessionClientSession],
  ["core/session/inbox.ts", coreSessionInbox],
  ["core/session/incoming.ts", coreSessionIncoming],
  ["core/session/liveness.ts", coreSessionLiveness],
  ["core/session/message_queue.ts", coreSessionMessageQueue],
  ["core/session/notice.ts", coreSessionNotice],
  ["core/session/publish_queue.ts", coreSessionPublishQueue],
  ["core/session/sending/outcome_queries.ts", coreSessionSendingOutcomeQueries],
  ["core/session/sending/send_deadlines.ts", coreSessionSendingSendDeadlines],
  ["core/session/sending/send_queue.ts", coreSessionSendingSendQueue],
  ["core/session/sending/unsettled_message.ts", coreSessionSendingUnsettledMessage],
  ["core/session/status_queries.ts", coreSessionStatusQueries],
]);
