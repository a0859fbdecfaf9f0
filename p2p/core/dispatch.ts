/**
 * The table of frame types: from whom each is taken, and which part takes it. Owns who may say what;
 * what follows from it is each part's own.
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
import type { Inbound } from "./durable/inbound.ts";
import type { Outbound } from "./durable/outbound.ts";
import type { LegacyServers } from "./legacy/legacy_servers.ts";
import type { Connection } from "./connection.ts";
import type { ReceiptQueries } from "./durable/receipt_queries.ts";
import type { Receipts } from "./durable/receipts.ts";
import type { Router } from "./routing/router.ts";
import type { FrameRule, ServerCore } from "./frame_rule.ts";

/** So much of the words of another party is logged: UTF-16 units. */
const MAX_LOGGED = 200;

/** The parts of a core that take frames. */
export interface FrameRuleParts {
  /** Messages that nobody keeps. */
  readonly relay: Router;
  /** Kept messages that come here or pass through. */
  readonly arrival: Inbound;
  /** What users acknowledge, and receipts about messages that are kept here. */
  readonly delivery: Outbound;
  /** Receipts for users. */
  readonly receipts: Receipts;
  /** Questions about receipts. */
  readonly questions: ReceiptQueries;
  /** The legacy servers next to this one. */
  readonly legacy: LegacyServers;
}

/** The rules of every messaging server, by frame type. */
export class OwnRules implements Iterable<[number, FrameRule]> {
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
      allowed: (connection) => connection.role === "peer",
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
      allowed: (connection) => connection.role === "peer" || connection.role === "session",
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
        return writeInformationResponse(out, frame.subtype, this.#core.users.names());
      case Information.Capabilities:
        return writeInformationResponse(out, frame.subtype, this.#core.capabilities());
      default:
        // As legacy servers answer what it does not know.
        return writeInformationResponse(out, frame.subtype, []);
    }
  }

  /** An answer, or the announcement of a legacy server, which nobody asked for. */
  #learn(connection: Connection, frame: Frame): void {
    if (connection.role === "probe" || connection.role === "peer") {
      this.#core.mesh.received(connection, frame);
    } else if (connection.role === "legacy") this.#parts.legacy.received(connection, frame);
    else if (connection.role === "stranger" && frame.subtype === Information.Users) {
      this.#core.mesh.discovery.announced(
        `${connection.remoteHost}:${readAnnouncement(frame.payload)}`,
      );
    }
  }

  #register(connection: Connection, frame: Frame): void {
    switch (frame.subtype) {
      case Registration.LegacyUser:
        connection.readsText ||= connection.role === "stranger";
        return this.#core.users.register(connection, readLegacyName(frame.payload), NIL_UUID);
      case Registration.Session: {
        const { session, name, abilities = 0 } = readSessionRegistration(frame.payload);
        if (session === NIL_UUID) {
          throw new ProtocolError(ErrorCode.Malformed, "Cannot register: the session's key is nil");
        }
        if (connection.role === "stranger") {
          connection.readsBatches = (abilities & Ability.Batches) !== 0;
        }
        return this.#core.users.register(connection, name, session);
      }
      case Registration.Peer:
        return this.#core.mesh.received(connection, frame);
      default:
        throw unknownType(frame);
    }
  }

  #message(connection: Connection, frame: Frame): void {
    const kept = frame.subtype === MessageKind.Outbound || frame.subtype === MessageKind.HandedOff;
    if (kept && connection.role === "peer") {
      this.#parts.arrival.received(connection, frame);
    } else if (frame.subtype === MessageKind.Durable && connection.role === "session") {
      this.#parts.delivery.accept(connection, frame);
    } else if (frame.subtype === MessageKind.Ephemeral || frame.subtype === MessageKind.Durable) {
      this.#parts.relay.message(connection, frame);
    } else if (frame.subtype === MessageKind.Batch) {
      this.#parts.relay.batch(connection, frame);
    } else throw unknownType(frame);
  }

  #receipt(connection: Connection, frame: Frame): void {
    if (connection.role === "session" && frame.subtype === ReceiptKind.ToUser) {
      this.#parts.delivery.acknowledged(connection, frame);
    } else if (connection.role === "peer" && frame.subtype === ReceiptKind.Relayed) {
      this.#parts.receipts.relayed(frame);
    } else if (connection.role === "peer" && frame.subtype === ReceiptKind.ToServer) {
      this.#parts.delivery.serverReceipts(connection, frame);
    } else if (frame.subtype === ReceiptKind.Query) {
      if (connection.role === "peer") this.#parts.questions.relayed(connection, frame);
      else this.#parts.questions.asked(connection, frame);
    } else throw unknownType(frame);
  }

  #hearError(connection: Connection, frame: Frame): void {
    const { code, message } = readError(frame);
    const from = connection.address || connection.name || connection.remoteHost;
    this.#core.logger.warn("{from} says: {message}", {
      from,
      message: message.length > MAX_LOGGED ? `${message.slice(0, MAX_LOGGED)} …` : message,
      code,
    });
  }
}

/** The error for a frame that nothing here takes. */
export function unknownType(frame: Frame): NetlabError {
  return new NetlabError(
    ErrorCode.UnknownType,
    `Cannot take a frame of type ${frame.type}/${frame.subtype}: it is not known here`,
  );
}
