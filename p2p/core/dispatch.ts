/**
 * The table of frame types. It says which connections may send each type and which component
 * handles it. Add a row here for a new frame type. Does not know what the components do with a
 * frame.
 *
 * @module
 */
import {
  Ability,
  Capability,
  ErrorCode,
  formatLoad,
  formatNetwork,
  formatServerId,
  type Frame,
  FrameType,
  Information,
  MessageKind,
  NetlabError,
  NIL_UUID,
  PresenceKind,
  ProtocolError,
  readAnnouncement,
  readError,
  readLegacyName,
  readProtection,
  readSessionRegistration,
  ReceiptKind,
  refuseTls,
  Registration,
  StatementKind,
  writeInformationResponse,
} from "@netlab/protocol/codec";
import type { Access } from "./access/access.ts";
import type { Connection, Party } from "./connection/connection.ts";
import type { FrameRule, ServerCore } from "./frame_rule.ts";
import type { Inbound } from "./durable/inbound.ts";
import { List, ListReplies } from "./connection/list_replies.ts";
import { LegacyServer } from "./legacy/legacy_server.ts";
import type { LegacyServers } from "./legacy/legacy_servers.ts";
import type { Locations } from "./mesh/locations/locations.ts";
import type { Outbound } from "./durable/outbound.ts";
import { Peer, Probe } from "./mesh/peer.ts";
import { kindOf, type SignedHandlers } from "./mesh/statements/signed_handlers.ts";
import type { ReceiptQueries } from "./durable/receipt_queries.ts";
import type { Receipts } from "./durable/receipts.ts";
import type { Router } from "./routing/router.ts";
import type { StatusRequests } from "./status/status_requests.ts";
import { User } from "./users/user.ts";

/** The longest part of another party's error message that is logged: UTF-16 code units. */
const MAX_LOGGED = 200;

/** The components of a core that handle frames. */
export interface DispatchParts {
  /** Knows who may send what on a network with keys, and whether legacy programs may connect. */
  readonly access: Access;
  /** Handles ephemeral messages. */
  readonly router: Router;
  /** Handles durable messages that other servers store. */
  readonly inbound: Inbound;
  /** Handles durable messages of this server's users, acknowledgements, and receipts for servers. */
  readonly outbound: Outbound;
  /** Handles receipts for users. */
  readonly receipts: Receipts;
  /** Handles receipt queries. */
  readonly queries: ReceiptQueries;
  /** Handles the responses of legacy servers. */
  readonly legacy: LegacyServers;
  /** Handles frames that servers sign for this one, by {@linkcode kindOf}. */
  readonly signed: SignedHandlers;
  /** Lists the users who can be reached. */
  readonly locations: Locations;
  /** Handles requests for status, events and users, and their answers. */
  readonly status: StatusRequests;
  /** Returns the routes to all servers, and the current time in milliseconds since 1970. */
  readonly state: () => { readonly routes: ReadonlyMap<string, unknown>; readonly now: number };
}

/** Finds the rule for a frame and applies it. */
export class Dispatch {
  readonly #core: ServerCore;
  readonly #parts: DispatchParts;
  readonly #rules: ReadonlyMap<number, FrameRule>;
  readonly #lists = new ListReplies();
  readonly #users = lists(Information.Users, Information.AllUsers);
  readonly #servers = lists(Information.Servers, Information.AllServers);
  /** The servers without loopback addresses, for parties on other machines. */
  readonly #serversElsewhere = lists(Information.Servers, Information.AllServers);
  /** The servers without those that use TLS, for legacy programs on this machine and on others. */
  readonly #serversForLegacy = [
    lists(Information.Servers, Information.AllServers),
    lists(Information.Servers, Information.AllServers),
  ] as const;
  readonly #capabilities = lists(Information.Capabilities);
  /** The routes when the lists of servers and users were last made. */
  #routes: unknown;

  /**
   * Creates the table of the server's own rules.
   *
   * @param further More rules, by frame type. They replace the server's own rules for the same
   *   types.
   */
  constructor(core: ServerCore, parts: DispatchParts, further: ReadonlyMap<number, FrameRule>) {
    this.#core = core;
    this.#parts = parts;
    const fromAnyone = (handle: (connection: Connection, frame: Frame) => void): FrameRule => ({
      allowed: () => true,
      handle,
    });
    const fromPeers: FrameRule = {
      allowed: ({ party }) => party instanceof Peer,
      handle: (connection, frame) => core.mesh.received(connection, frame),
    };
    this.#rules = new Map<number, FrameRule>([
      [FrameType.InformationRequest, fromAnyone((from, frame) => this.#answer(from, frame))],
      [FrameType.InformationResponse, fromAnyone((from, frame) => this.#learn(from, frame))],
      [FrameType.Registration, fromAnyone((from, frame) => this.#register(from, frame))],
      [FrameType.Message, fromAnyone((from, frame) => this.#message(from, frame))],
      [FrameType.Error, fromAnyone((from, frame) => this.#logError(from, frame))],
      [FrameType.Receipt, {
        allowed: ({ party }) => party instanceof Peer || isSession(party),
        handle: (from, frame) => this.#receipt(from, frame),
      }],
      [FrameType.Presence, {
        allowed: fromPeers.allowed,
        handle(connection, frame) {
          const { subtype } = frame;
          const isClaim = subtype === PresenceKind.Claim || subtype === PresenceKind.Held;
          if (isClaim) core.users.claimed(connection, frame);
          else core.mesh.received(connection, frame);
        },
      }],
      [FrameType.LinkState, fromPeers],
      [FrameType.Status, {
        ...fromAnyone((from, frame) => this.#parts.status.received(from, frame)),
        capability: Capability.Status,
        tick: () => this.#parts.status.tick(),
      }],
      [FrameType.Statement, { ...fromPeers, handle: (from, frame) => this.#signed(from, frame) }],
      ...further,
    ]);
  }

  /**
   * Handles a frame.
   *
   * @throws {NetlabError} If there is no rule for its type, if the connection may not send this
   *   type, if its token does not permit it, or if the rule throws.
   */
  handle(connection: Connection, frame: Frame): void {
    this.#parts.access.check(connection, frame);
    const rule = this.#rules.get(frame.type);
    if (!rule) throw unknownType(frame);
    if (!rule.allowed(connection)) throw notAllowed(connection, frame);
    rule.handle(connection, frame, this.#core);
  }

  /** Lists what the server can do: its own capabilities and those of the rules, as words of `Capability`. */
  capabilities(): string[] {
    const { users, mesh } = this.#core;
    const further = [...this.#rules.values()].flatMap(({ capability }) => capability ?? []);
    return [
      Capability.Session,
      Capability.Peer,
      Capability.Batch,
      Capability.Claim,
      Capability.Names,
      Capability.Key,
      Capability.Secret,
      Capability.Tls,
      ...this.#parts.access.hasKeys ? [Capability.Tokens, Capability.Signed] : [],
      ...further,
      formatLoad(users.count),
      formatNetwork(mesh.network.id),
      formatServerId(this.#core.id),
    ];
  }

  /** Sends the capabilities to all peers and sessions. They say which network the server belongs to. */
  tellCapabilities(): void {
    const words = this.capabilities();
    const parties = [...this.#core.mesh.peers(), ...this.#core.users.local()];
    for (const { out, connection } of parties) {
      if (!connection.readsText) writeInformationResponse(out, Information.Capabilities, words);
    }
  }

  /** Runs the periodic work of all rules at the time `now`: milliseconds since 1970. */
  tick(now: number): void {
    for (const rule of this.#rules.values()) rule.tick?.(this.#core, now);
  }

  /** Records that users joined, left or moved. */
  usersChanged(): void {
    for (const list of [...this.#users.values(), ...this.#capabilities.values()]) list.changed();
  }

  /** Records that other servers can be reached. */
  serversChanged(): void {
    for (
      const lists of [this.#users, this.#servers, this.#serversElsewhere, ...this.#serversForLegacy]
    ) {
      for (const list of lists.values()) list.changed();
    }
  }

  /** Sends the rest of a list. Call it when a connection has sent everything. */
  drained(connection: Connection): void {
    this.#lists.drained(connection);
  }

  /** Forgets a connection that has ended. */
  closed(connection: Connection): void {
    this.#lists.closed(connection);
    this.#parts.status.closed(connection);
  }

  #answer(connection: Connection, { subtype }: Frame): void {
    const { routes, now } = this.#parts.state();
    if (routes !== this.#routes) {
      this.#routes = routes;
      this.serversChanged();
    }
    if (subtype === Information.Capabilities) connection.isNetlab = true;
    const servers = this.#serversFor(connection);
    const list = servers.get(subtype) ?? this.#users.get(subtype) ??
      this.#capabilities.get(subtype);
    // Legacy servers answer unknown requests in the same way.
    if (!list) return writeInformationResponse(connection.out, subtype, []);
    const items = () => {
      if (servers.has(subtype)) return this.#core.servers(connection);
      return this.#users.has(subtype)
        ? this.#parts.locations.eachName()
        : this.#core.capabilities();
    };
    this.#lists.send(connection, list.frames(items, now));
  }

  #serversFor({ isElsewhere, isNetlab }: Connection): ReturnType<typeof lists> {
    if (!isNetlab) return this.#serversForLegacy[isElsewhere ? 1 : 0];
    return isElsewhere ? this.#serversElsewhere : this.#servers;
  }

  /** Handles a response, or the announcement of a legacy server, which nobody requested. */
  #learn(connection: Connection, frame: Frame): void {
    const { mesh } = this.#core;
    const { party } = connection;
    if (party instanceof Probe || party instanceof Peer) mesh.received(connection, frame);
    else if (party instanceof LegacyServer) this.#parts.legacy.received(party, frame);
    else if (connection.isUnregistered && frame.subtype === Information.Users) {
      if (!this.#parts.access.legacy) throw noLegacy("Cannot take an announcement");
      const port = readAnnouncement(frame.payload);
      mesh.discovery.announced(`${connection.remoteHost}:${port}`, connection);
    }
  }

  #register(connection: Connection, frame: Frame): void {
    const { users, mesh } = this.#core;
    switch (frame.subtype) {
      case Registration.LegacyUser: {
        connection.readsText ||= connection.isUnregistered;
        const name = readLegacyName(frame.payload);
        if (!this.#parts.access.legacy) throw noLegacy(`Cannot register ${name}`);
        this.#parts.access.checkName(connection, name);
        return users.register(connection, {
          name,
          key: NIL_UUID,
          readsBatches: false,
          readsHeartbeats: false,
        });
      }
      case Registration.Session: {
        const { session: key, name, abilities = 0, signature } = readSessionRegistration(
          frame.payload,
        );
        if (key === NIL_UUID) {
          throw new ProtocolError(ErrorCode.Malformed, "Cannot register: the session's key is nil");
        }
        this.#parts.access.checkName(connection, name);
        const readsBatches = (abilities & Ability.Batches) !== 0;
        const readsHeartbeats = (abilities & Ability.Heartbeats) !== 0;
        return users.register(connection, {
          name,
          key,
          readsBatches,
          readsHeartbeats,
          ...signature && { signature },
        });
      }
      case Registration.Protect: {
        const { party } = connection;
        if (!isSession(party)) throw notAllowed(connection, frame);
        return users.protect(party, readProtection(frame.payload));
      }
      case Registration.Peer:
        return mesh.received(connection, frame);
      case Registration.Token:
        return this.#parts.access.received(connection, frame);
      case Registration.ServerKey:
        return this.#parts.access.proven(connection, frame);
      default:
        throw unknownType(frame);
    }
  }

  #message(connection: Connection, frame: Frame): void {
    const { inbound, outbound, router } = this.#parts;
    const { party } = connection;
    switch (frame.subtype) {
      case MessageKind.Outbound:
      case MessageKind.HandedOff:
        if (!(party instanceof Peer)) throw unknownType(frame);
        return inbound.received(connection, frame);
      case MessageKind.Durable:
        if (isSession(party)) return outbound.accept(party, frame);
        return router.message(connection, frame);
      case MessageKind.Ephemeral:
        return router.message(connection, frame);
      case MessageKind.Batch:
        return router.batch(connection, frame);
      default:
        throw unknownType(frame);
    }
  }

  #receipt(connection: Connection, frame: Frame): void {
    const { outbound, receipts, queries } = this.#parts;
    const { party } = connection;
    if (isSession(party)) {
      if (frame.subtype === ReceiptKind.ToUser) return outbound.acknowledged(party, frame);
      if (frame.subtype === ReceiptKind.Query) return queries.asked(party, frame);
    } else {
      if (frame.subtype === ReceiptKind.Relayed) return receipts.relayed(connection, frame);
      if (frame.subtype === ReceiptKind.ToServer) return outbound.serverReceipts(connection, frame);
      if (frame.subtype === ReceiptKind.Query) return queries.relayed(connection, frame);
    }
    throw unknownType(frame);
  }

  #signed({ party }: Connection, frame: Frame): void {
    const { mesh } = this.#core;
    if (!mesh.signs || frame.subtype > StatementKind.ForOne) throw unknownType(frame);
    mesh.stated(party as Peer, frame, (inner, origin) => {
      const handle = this.#parts.signed.get(kindOf(inner.type, inner.subtype));
      if (!handle) throw unknownType(inner);
      handle(origin, inner);
    });
  }

  #logError(connection: Connection, frame: Frame): void {
    const { code, message } = readError(frame);
    if (code === ErrorCode.TlsFailed) throw new NetlabError(code, message, { fatal: true });
    const from = connection.label;
    this.#core.logger.warn("error from {from}: {message}", {
      from,
      message: message.length > MAX_LOGGED ? `${message.slice(0, MAX_LOGGED)} …` : message,
      code,
    });
  }
}

function lists(...kinds: readonly number[]): ReadonlyMap<number, List> {
  return new Map(kinds.map((kind) => [kind, new List(kind)]));
}

/** Returns whether a party is a user who reads frames. */
function isSession(party: Party): party is User {
  return party instanceof User && !party.readsText;
}

/** Creates the error for a frame type that has no rule. */
function unknownType(frame: Frame): NetlabError {
  refuseTls(frame.type, frame.subtype);
  return new NetlabError(
    ErrorCode.UnknownType,
    `Cannot take a frame of type ${frame.type}/${frame.subtype}: it is not known here`,
  );
}

/** Creates the error for a legacy program. `what` is what the server cannot do. */
function noLegacy(what: string): NetlabError {
  return new NetlabError(
    ErrorCode.LegacyRefused,
    `${what}: this server takes no legacy programs; start it with --legacy to permit them`,
    { fatal: true },
  );
}

function notAllowed({ party }: Connection, frame: Frame): NetlabError {
  return new NetlabError(
    ErrorCode.NotRegistered,
    `Cannot take a frame of type ${frame.type}/${frame.subtype} from this connection: ` +
      (party instanceof User ? "it is for servers" : "it must register first"),
  );
}
