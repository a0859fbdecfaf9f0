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
  readBareName,
  readError,
  readSessionRegistration,
  ReceiptKind,
  Registration,
  writeInformationResponse,
} from "@netlab/protocol/codec";
import type { Inbound } from "./durable/inbound.ts";
import type { Outbound } from "./durable/outbound.ts";
import type { LegacyServers } from "./legacy/legacy_servers.ts";
import type { Link } from "./connection.ts";
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
    const fromAnyone = (handle: (link: Link, frame: Frame) => void): FrameRule => ({
      allowed: () => true,
      handle,
    });
    const toMesh: FrameRule = {
      allowed: (link) => link.role === "peer",
      handle: (link, frame) => this.#core.mesh.received(link, frame),
    };
    yield [FrameType.InformationRequest, fromAnyone((link, frame) => this.#answer(link, frame))];
    yield [FrameType.InformationResponse, fromAnyone((link, frame) => this.#learn(link, frame))];
    yield [FrameType.Registration, fromAnyone((link, frame) => this.#register(link, frame))];
    yield [FrameType.Message, fromAnyone((link, frame) => this.#message(link, frame))];
    yield [FrameType.Error, fromAnyone((link, frame) => this.#hearError(link, frame))];
    yield [FrameType.Receipt, {
      allowed: (link) => link.role === "peer" || link.role === "session",
      handle: (link, frame) => this.#receipt(link, frame),
    }];
    yield [FrameType.Presence, toMesh];
    yield [FrameType.LinkState, toMesh];
  }

  #answer(link: Link, frame: Frame): void {
    const { out } = link.port;
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
  #learn(link: Link, frame: Frame): void {
    if (link.role === "probe" || link.role === "peer") this.#core.mesh.received(link, frame);
    else if (link.role === "legacy") this.#parts.legacy.received(link, frame);
    else if (link.role === "stranger" && frame.subtype === Information.Users) {
      this.#core.mesh.discovery.announced(`${link.remoteHost}:${readAnnouncement(frame.payload)}`);
    }
  }

  #register(link: Link, frame: Frame): void {
    switch (frame.subtype) {
      case Registration.BareUser:
        link.readsText ||= link.role === "stranger";
        return this.#core.users.register(link, readBareName(frame.payload), NIL_UUID);
      case Registration.Session: {
        const { session, name, abilities = 0 } = readSessionRegistration(frame.payload);
        if (session === NIL_UUID) {
          throw new ProtocolError(ErrorCode.Malformed, "Cannot register: the session's key is nil");
        }
        if (link.role === "stranger") link.readsBatches = (abilities & Ability.Batches) !== 0;
        return this.#core.users.register(link, name, session);
      }
      case Registration.Peer:
        return this.#core.mesh.received(link, frame);
      default:
        throw unknownType(frame);
    }
  }

  #message(link: Link, frame: Frame): void {
    const kept = frame.subtype === MessageKind.Kept || frame.subtype === MessageKind.HandedOver;
    if (kept && link.role === "peer") {
      this.#parts.arrival.received(link, frame);
    } else if (frame.subtype === MessageKind.WithReceipts && link.role === "session") {
      this.#parts.delivery.accept(link, frame);
    } else if (frame.subtype === MessageKind.Plain || frame.subtype === MessageKind.WithReceipts) {
      this.#parts.relay.message(link, frame);
    } else if (frame.subtype === MessageKind.Batch) {
      this.#parts.relay.batch(link, frame);
    } else throw unknownType(frame);
  }

  #receipt(link: Link, frame: Frame): void {
    if (link.role === "session" && frame.subtype === ReceiptKind.ToUser) {
      this.#parts.delivery.acknowledged(link, frame);
    } else if (link.role === "peer" && frame.subtype === ReceiptKind.Relayed) {
      this.#parts.receipts.relayed(frame);
    } else if (link.role === "peer" && frame.subtype === ReceiptKind.ToServer) {
      this.#parts.delivery.serverReceipts(link, frame);
    } else if (frame.subtype === ReceiptKind.Question) {
      if (link.role === "peer") this.#parts.questions.relayed(link, frame);
      else this.#parts.questions.asked(link, frame);
    } else throw unknownType(frame);
  }

  #hearError(link: Link, frame: Frame): void {
    const { code, message } = readError(frame);
    const from = link.address || link.name || link.remoteHost;
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
