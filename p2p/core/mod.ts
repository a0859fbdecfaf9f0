/**
 * The core of a messaging server and of a client session. It does no I/O: no sockets, timers,
 * clocks or randomness. The real server, the simulator and other packages drive or extend it.
 *
 * @module
 */
export { Connection, type Party } from "./connection/connection.ts";
export type { MessageLog } from "./message_log.ts";
export { MessageIds } from "./dedup/sequence_ids.ts";
export type { FrameRule, ServerCore } from "./frame_rule.ts";
export type { Context, Dial, Host, HostUsage, SigningHost, TokenHost } from "./host.ts";
export type { Access, AccessOptions, Introduced } from "./access/access.ts";
export { type Grant, type Role, ROLES } from "./connection/grant.ts";
export type { Logger } from "./logger.ts";
export { type FlaggedLimit, type Limit, LIMITS } from "./limits.ts";
export type { MailboxLimits, ServerLimits } from "./server_limits.ts";
export {
  memoryStore,
  type MessageStore,
  type StoredMessage,
  StoreGoneError,
} from "./mailbox/message_store.ts";
export type { LinkCosts } from "./mesh/topology/link_costs.ts";
export { Peer } from "./mesh/peer.ts";
export { type Announcement, type Route, Topology } from "./mesh/topology/topology.ts";
export { RoutingCore } from "./routing_core.ts";
export type { ProtectedNameStore, RoutingCoreOptions } from "./assembly/routing_core_options.ts";
export { ClientSession } from "./session/client_session.ts";
export { Incoming } from "./session/incoming.ts";
export type { Notice } from "./session/notice.ts";
export type { PassedMessage, Stop } from "./message_log.ts";
export type { Program } from "./status/own_status.ts";
export { StatusQueries, type StatusQueriesHost } from "./session/status_queries.ts";
export type { Counters } from "./watch/counters.ts";
export type { EventLog, EventPage } from "./watch/event_log.ts";
export { PublishQueue } from "./session/publish_queue.ts";
export type {
  DeliveryStatus,
  NewMessage,
  SendListener,
  SessionConnection,
} from "./session/client_session.ts";
export type { FailureDetector } from "./mesh/failure_detector.ts";
export type { LocatedNames, Location } from "./mesh/locations/located_names.ts";
export type { Namer } from "./mesh/addresses/address_book.ts";
export type { Discovery, DiscoveryOptions } from "./mesh/addresses/discovery.ts";
export type { Locations } from "./mesh/locations/locations.ts";
export type { Directory, Merge } from "./mesh/directory.ts";
export type { KnownNames } from "./mesh/presence/presence.ts";
export type { BackPressure } from "./connection/back_pressure.ts";
export type {
  KnownAddresses,
  NetworkEvents,
  NetworkParts,
  NotReserved,
  Obstacle,
  ServerNetwork,
} from "./mesh/server_network.ts";
export type { Bus, BusEvents, Entry, Written } from "./star/bus.ts";
export { StarNetwork, type StarOptions } from "./star/star_network.ts";
export type { SeenNames } from "./dedup/seen_names.ts";
export type { ProtectedNames, Protecting, VerifySignature } from "./dedup/protected_names.ts";
export type { Testimony } from "./mesh/topology/testimony.ts";
export type { RouteEvents } from "./mesh/topology/route_changes.ts";
export type { OwnNetwork } from "./mesh/own_network.ts";
export type { UserRegistry } from "./users/registry.ts";
export type { Transport } from "./connection/transport.ts";
export { User, type UserRegistration } from "./users/user.ts";
