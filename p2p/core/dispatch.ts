/**
 * The table of frame types: from which connections each is taken, and which part handles it. A new frame
 * type gets a row here.
 *
 * @module
 */
import {
  Ability,
  ErrorCode,
  type Frame,
  FrameType,
  Information,
  MessageKind,
  NetlabError,
  NIL_UUID,
  ProtocolError,
  readAnnouncement,
  readError,
  readLegacyName,
  readSessionRegistration,
  ReceiptKind,
  Registration,
  writeInformationResponse,
} from "@netlab/protocol/codec";
import type { Connection, Party } from "./connection.ts";
import type { FrameRule, ServerCore } from "./frame_rule.ts";
import type { Inbound } from "./durable/inbound.ts";
import { LegacyServer } from "./legacy/legacy_server.ts";
import type { LegacyServers } from "./legacy/legacy_servers.ts";
import type { Locations } from "./mesh/locations.ts";
import type { Outbound } from "./durable/outbound.ts";
import { Peer, Probe } from "./mesh/peer.ts";
import type { ReceiptQueries } from "./durable/receipt_queries.ts";
import type { Receipts } from "./durable/receipts.ts";
import type { Router } from "./routing/router.ts";
import { User } from "./users/user.ts";

/** How much of an error that another party sends is logged: UTF-16 units. */
const MAX_LOGGED = 200;

/** The parts of a core that handle frames. */
export interface FrameRuleParts {
  /** Handles ephemeral messages. */
  readonly router: Router;
  /** Handles durable messages that other servers store. */
  readonly inbound: Inbound;
  /** Handles the durable messages of this server's users, their acknowledgements, and receipts of other servers. */
  readonly outbound: Outbound;
  /** Handles receipts for users. */
  readonly receipts: Receipts;
  /** Handles receipt queries. */
  readonly queries: ReceiptQueries;
  /** Handles the answers of legacy servers. */
  readonly legacy: LegacyServers;
  /** Knows who can be written to. */
  readonly locations: Locations;
}

/** The rules that every messaging server has, by frame type. */
export class FrameRules implements Iterable<[number, FrameRule]> {
  readonly #core: ServerCore;
  readonly #parts: FrameRuleParts;

  /** The rules of one core. */
  constructor(core: ServerCore, parts: FrameRuleParts) {
    this.#core = core;
    this.#parts = parts;
  }

  /** Each type with its rule. */
  *[Symbol.iterator](): Iterator<[number, FrameRule]> {
    const fromAnyone = (handle: (connection: Connection, frame: Frame) => void): FrameRule => ({
      allowed: () => true,
      handle,
    });
    const toMesh: FrameRule = {
      allowed: ({ party }) => party instanceof Peer,
      handle: (connection, frame) => this.#core.mesh.received(connection, frame),
    };
    yield [
      FrameType.InformationRequest,
      fromAnyone((connection, frame) => this.#answer(connection, frame)),
    ];
    yield [
      FrameType.InformationResponse,
      fromAnyone((connection, frame) => this.#learn(connection, frame)),
    ];
    yield [
      FrameType.Registration,
      fromAnyone((connection, frame) => this.#register(connection, frame)),
    ];
    yield [FrameType.Message, fromAnyone((connection, frame) => this.#message(connection, frame))];
    yield [FrameType.Error, fromAnyone((connection, frame) => this.#hearError(connection, frame))];
    yield [FrameType.Receipt, {
      allowed: ({ party }) => party instanceof Peer || isSession(party),
      handle: (connection, frame) => this.#receipt(connection, frame),
    }];
    yield [FrameType.Presence, toMesh];
    yield [FrameType.LinkState, toMesh];
  }

  #answer(connection: Connection, frame: Frame): void {
    const { out } = connection;
    switch (frame.subtype) {
      case Information.Servers:
        return writeInformationResponse(out, frame.subtype, this.#core.servers());
      case Information.Users:
        return writeInformationResponse(out, frame.subtype, this.#parts.locations.names());
      case Information.Capabilities:
        return writeInformationResponse(out, frame.subtype, this.#core.capabilities());
      default:
        // As legacy servers answer what it does not know.
        return writeInformationResponse(out, frame.subtype, []);
    }
  }

  /** An answer, or the announcement of a legacy server, which comes unasked. */
  #learn(connection: Connection, frame: Frame): void {
    const { mesh } = this.#core;
    const { party } = connection;
    if (party instanceof Probe || party instanceof Peer) mesh.received(connection, frame);
    else if (party instanceof LegacyServer) this.#parts.legacy.received(party, frame);
    else if (connection.isUnregistered && frame.subtype === Information.Users) {
      const port = readAnnouncement(frame.payload);
      mesh.discovery.announced(`${connection.remoteHost}:${port}`);
    }
  }

  #register(connection: Connection, frame: Frame): void {
    const { users, mesh } = this.#core;
    switch (frame.subtype) {
      case Registration.LegacyUser: {
        connection.readsText ||= connection.isUnregistered;
        const name = readLegacyName(frame.payload);
        return users.register(connection, { name, session: NIL_UUID, readsBatches: false });
      }
      case Registration.Session: {
        const { session, name, abilities = 0 } = readSessionRegistration(frame.payload);
        if (session === NIL_UUID) {
          throw new ProtocolError(ErrorCode.Malformed, "Cannot register: the session's key is nil");
        }
        const readsBatches = (abilities & Ability.Batches) !== 0;
        return users.register(connection, { name, session, readsBatches });
      }
      case Registration.Peer:
        return mesh.received(connection, frame);
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

  #hearError(connection: Connection, frame: Frame): void {
    const { code, message } = readError(frame);
    const from = connection.label;
    this.#core.logger.warn("{from} says: {message}", {
      from,
      message: message.length > MAX_LOGGED ? `${message.slice(0, MAX_LOGGED)} …` : message,
      code,
    });
  }
}

/** A user who reads frames. */
function isSession(party: Party): party is User {
  return party instanceof User && !party.readsText;
}

/** The error for a frame of a type that no rule is for. */
export function unknownType(frame: Frame): NetlabError {
  return new NetlabError(
    ErrorCode.UnknownType,
    `Cannot take a frame of type ${frame.type}/${frame.subtype}: it is not known here`,
  );
}
