/**
 * Creates the components of a core and connects them. Owns which component knows which others. Does not know
 * the events that reach a core.
 *
 * @module
 */
import { Access } from "../access/access.ts";
import type { BackPressure } from "../connection/back_pressure.ts";
import type { Connection } from "../connection/connection.ts";
import { SeenMessages } from "../dedup/seen_messages.ts";
import { ProtectedNames } from "../dedup/protected_names.ts";
import { SeenNames } from "../dedup/seen_names.ts";
import { nameFactors, NameTable } from "../dedup/tables/name_table.ts";
import { Handoff } from "../durable/handoff.ts";
import { Inbound } from "../durable/inbound.ts";
import { Outbound } from "../durable/outbound.ts";
import { ReceiptQueries } from "../durable/receipt_queries.ts";
import { Receipts } from "../durable/receipts.ts";
import { FrameType, type NetlabError, PresenceKind, ReceiptKind } from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import { LegacyServers } from "../legacy/legacy_servers.ts";
import { LIMITS } from "../limits.ts";
import { Mailbox } from "../mailbox/mailbox.ts";
import { memoryStore } from "../mailbox/message_store.ts";
import { Directory } from "../mesh/directory.ts";
import { Locations } from "../mesh/locations/locations.ts";
import { Mesh } from "../mesh/mesh.ts";
import type { Peer } from "../mesh/peer.ts";
import type { NetworkParts, ServerNetwork } from "../mesh/server_network.ts";
import { everyLinkOne } from "../mesh/topology/link_costs.ts";
import { kindOf, type SignedHandlers } from "../mesh/statements/signed_handlers.ts";
import { Topology } from "../mesh/topology/topology.ts";
import { FastPaths } from "../routing/fast_paths.ts";
import { LocalDelivery } from "../routing/local_delivery.ts";
import { Router } from "../routing/router.ts";
import { UserRegistry } from "../users/registry.ts";
import type { User } from "../users/user.ts";
import { OwnStatus } from "../status/own_status.ts";
import { StatusAnswers } from "../status/status_answers.ts";
import { StatusRequests } from "../status/status_requests.ts";
import type { RoutingCoreOptions } from "./routing_core_options.ts";

/** The components of one core. */
export interface CoreParts {
  /** Knows who may send what on a network with keys, and whether legacy programs may connect. */
  readonly access: Access;
  /** This server's users. */
  readonly users: UserRegistry;
  /** Where the users of all servers are. */
  readonly locations: Locations;
  /** How this server reaches the others. */
  readonly mesh: ServerNetwork;
  /** The routes to other servers. */
  readonly topology: Topology;
  /** The links to legacy servers. */
  readonly legacy: LegacyServers;
  /** Stores durable messages. */
  readonly mailbox: Mailbox;
  /** Sends receipts to users and servers. */
  readonly receipts: Receipts;
  /** Handles ephemeral messages. */
  readonly router: Router;
  /** Handles durable messages that other servers store. */
  readonly inbound: Inbound;
  /** Handles durable messages of this server's users. */
  readonly outbound: Outbound;
  /** Hands stored messages off when the server leaves. */
  readonly handoff: Handoff;
  /** Handles frames that servers sign for this one. */
  readonly signed: SignedHandlers;
  /** Answers receipt queries. */
  readonly queries: ReceiptQueries;
  /** Routes ephemeral messages directly from the buffer in which they were read. */
  readonly fastPaths: FastPaths;
  /** Answers requests for status, events and users. */
  readonly status: StatusRequests;
  /** The status of this server. */
  readonly ownStatus: OwnStatus;
}

/** What the components found out since the last flush of the core. */
export interface CoreChanges {
  /** Names whose users changed. */
  readonly names: Set<string>;
  /** Whether routes to other servers may have changed. */
  routes: boolean;
}

/** What the components ask of the core. */
export interface CoreEvents {
  /** Returns the number of connections that others have opened. */
  accepted(): number;
  /** Handles frames that were in a batch, one by one. */
  takeSingles(connection: Connection, frames: Uint8Array): void;
  /** Settles messages and sends receipts. */
  finish(): void;
  /** Continues what waited for a connection. */
  drained(connection: Connection): void;
  /** Goes on after a write to a store that needs time. */
  committed(): void;
  /** Handles that users joined, left or moved: lists of them have changed. */
  usersChanged(): void;
  /** Handles that other servers can be reached: lists of them have changed. */
  serversChanged(): void;
  /** Sends an error to a party. */
  refuse(connection: Connection, error: NetlabError): void;
  /** Sends the server's capabilities, which have changed. */
  tellCapabilities(): void;
}

/** Creates the components of a server with no users and no links. They add what they find out to `changes`. */
export function createParts(
  context: Context,
  options: RoutingCoreOptions,
  changes: CoreChanges,
  backPressure: BackPressure,
  events: CoreEvents,
): CoreParts {
  const { host, limits = {}, store = memoryStore } = options;
  const costs = options.costs ?? everyLinkOne;
  const access = new Access(
    context,
    options,
    () => mesh.network.id,
    events.refuse,
  );
  const factors = nameFactors(host.random);
  /** By recipient name: a user of this server, or the next hop to another server. */
  const routes = new NameTable<User | Peer>(factors);
  const topology = new Topology(context.id, context);
  const names = new SeenNames(LIMITS.seenNames.default, store.durable);
  const protectedNames = new ProtectedNames(
    (key, text, signature) => host.verifySignature(key, text, signature),
    LIMITS.protectedNames.default,
    (record) => options.protectedNames?.save(record),
  );
  for (const record of options.protectedNames?.load() ?? []) protectedNames.load(record);
  const moved = (name: string) => {
    // Also those who have gone with a new list of a server: their messages wait until they are elsewhere.
    changes.names.add(name);
    names.add(name);
    events.usersChanged();
    routes.delete(new TextEncoder().encode(name));
  };
  const directory = new Directory(context.id, moved, context.logger, {
    ...limits.maxRemoteUsers !== undefined && { maxRemoteUsers: limits.maxRemoteUsers },
  });
  const locations = new Locations(context.id, directory, topology);
  const onChange = (name: string) => void changes.names.add(name);
  const networkParts: NetworkParts = {
    context,
    topology,
    directory,
    backPressure,
    names: { seen: names, protected: protectedNames },
    access,
    costs,
    events: {
      usersChanged: (changed) => {
        for (const name of changed) changes.names.add(name);
      },
      routesChanged: () => {
        changes.routes = true;
        routes.clear();
        events.serversChanged();
      },
      // When two parts of a network find each other, both may have a user with the same name. Messages
      // and receipts may wait for the users of the other part.
      reachGrew: (servers) => {
        for (const server of servers) {
          for (const { name } of directory.users(server)) changes.names.add(name);
        }
      },
      foundLegacy: (connection) => {
        legacy.adopt(connection);
        events.serversChanged();
      },
      networkChanged: () => {
        events.usersChanged();
        events.tellCapabilities();
        options.onNetwork?.(mesh.network.id);
      },
      arrived: events.takeSingles,
      drained: events.drained,
    },
  };
  const mesh: ServerNetwork = options.serverNetwork?.(networkParts) ??
    new Mesh(options, networkParts);
  const users: UserRegistry = new UserRegistry(
    context,
    directory,
    locations,
    topology,
    mesh,
    protectedNames,
    onChange,
  );
  const legacy: LegacyServers = new LegacyServers(
    context,
    directory,
    mesh,
    locations,
    onChange,
    limits.maxLegacyBytes,
  );
  const mailbox = new Mailbox({ store, limits, names, factors });
  const receipts = new Receipts(
    context,
    users,
    locations,
    mesh,
    (server, id) => !mailbox.messages.has(id) || handoff.isSuccessor(server),
  );
  const seen = new SeenMessages(factors, host.random);
  const localDelivery = new LocalDelivery(context, backPressure, seen, factors);
  const router = new Router(context, {
    users,
    locations,
    mesh,
    legacy,
    localDelivery,
    receipts,
    routes,
    takeSingles: events.takeSingles,
  });
  const handoff: Handoff = new Handoff(context, { mailbox, mesh, topology, receipts });
  const inbound = new Inbound(context, {
    users,
    mesh,
    mailbox,
    localDelivery,
    router,
    legacy,
    receipts,
    handoff,
    onReceipt: events.finish,
  });
  const outbound = new Outbound(context, {
    mailbox,
    users,
    locations,
    mesh,
    topology,
    localDelivery,
    inbound,
    handoff,
    receipts,
    factors,
    onCommitted: events.committed,
  });
  const queries = new ReceiptQueries(context, {
    mesh,
    topology,
    mailbox,
    localDelivery,
    receipts,
    backPressure,
  });
  const ownStatus = new OwnStatus(context, options.program, {
    users,
    mesh,
    topology,
    mailbox,
    costs,
    accepted: events.accepted,
  });
  const answers = new StatusAnswers(context, ownStatus, directory, locations);
  const { Receipt, Presence } = FrameType;
  const signed: SignedHandlers = new Map([
    [kindOf(Receipt, ReceiptKind.Relayed), (origin, frame) => receipts.stated(origin, frame)],
    [kindOf(Receipt, ReceiptKind.ToServer), (origin, frame) => outbound.stated(origin, frame)],
    [kindOf(Presence, PresenceKind.Claim), (origin, frame) => users.claimed(origin, frame)],
    [kindOf(Presence, PresenceKind.Held), (origin, frame) => users.claimed(origin, frame)],
  ]);
  return {
    access,
    users,
    locations,
    mesh,
    topology,
    legacy,
    mailbox,
    receipts,
    router,
    inbound,
    outbound,
    handoff,
    queries,
    signed,
    fastPaths: new FastPaths(routes, seen, context.counters),
    status: new StatusRequests(context, mesh, answers),
    ownStatus,
  };
}
