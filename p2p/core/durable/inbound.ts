/**
 * Kept messages that come from the server that keeps them: to a user of this server, or on to the next
 * server. Owns what is answered, and that nothing is handed over before what was sent before it; knows
 * nothing of how messages are kept.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  MessageFields,
  messageId,
  MessageKind,
  NIL_UUID,
  readName,
  readOutboundMessage,
  readUuidOf,
  type Receipt,
} from "@netlab/protocol/codec";
import type { LegacyServers } from "../legacy/legacy_servers.ts";
import type { LocalDelivery } from "../routing/local_delivery.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import { MAX_HOPS, type Mesh } from "../mesh/mesh.ts";
import { HERE, toLegacy } from "../message_log.ts";
import type { Receipts } from "./receipts.ts";
import { delivered, refused, sent } from "../receipt.ts";
import { REFUSE_BYTES } from "../routing/router.ts";
import type { Handoff } from "./handoff.ts";
import type { Users } from "../users/registry.ts";

/** The parts of a core that arrivals work with. */
export interface InboundParts {
  /** Who is where. */
  readonly users: Users;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** What this server keeps itself. */
  readonly mailbox: Mailbox;
  /** The users of this server take messages here. */
  readonly localDelivery: LocalDelivery;
  /** The legacy servers next to this one. */
  readonly legacy: LegacyServers;
  /** Answers go out here. */
  readonly receipts: Receipts;
  /** Messages that another server wants to keep no more. */
  readonly handoff: Handoff;
  /** Answers were given while nothing came in: somebody has to send them. */
  readonly onAnswers: () => void;
}

/** A kept message for a user of this server. */
export interface InboundMessage {
  /** Its id, a UUID. */
  readonly id: string;
  /** The name of the user it is for. */
  readonly recipient: string;
  /** Where its fields lie. */
  readonly fields: MessageFields;
  /** The id of the one that has to be there before it; nil for none. */
  readonly previous: string;
  /** The id of the server that keeps it. */
  readonly origin: string;
}

/** Takes kept messages to their recipients, and answers the servers that keep them. */
export class Inbound {
  readonly #context: Context;
  readonly #parts: InboundParts;
  readonly #fields = new MessageFields();

  /** Arrivals at one server. */
  constructor(context: Context, parts: InboundParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** A kept message came from another server. */
  received(connection: Connection, frame: Frame): void {
    const { mesh, handoff } = this.#parts;
    const { origin, destination, previous, message } = readOutboundMessage(frame.payload);
    const fields = this.#fields.read(message, 0, message.length);
    if (destination === this.#context.id) {
      if (frame.subtype === MessageKind.Outbound) {
        const recipient = readName(message, fields.recipient, fields.recipientEnd);
        const id = messageId(fields);
        return this.deliver({ id, recipient, fields, previous, origin });
      }
      return handoff.take(fields, previous, origin);
    }
    const hops = frame.reserved + 1;
    const next = mesh.nextHop(destination);
    // Who keeps it hears that the way is gone, and sends it again over another.
    if (!next || next === connection || hops > MAX_HOPS) return;
    if (next.out.length <= REFUSE_BYTES) {
      next.out.forward(frame, hops);
      return this.#context.messageLog.message(fields, next.address);
    }
    const id = messageId(fields);
    this.#answer(origin, refused(id, ErrorCode.RecipientBusy, "the way is clogged"));
  }

  /** Hands a kept message to a user here, or says why not. */
  deliver({ id, recipient, fields, previous, origin }: InboundMessage): void {
    const { mailbox, users, localDelivery, legacy } = this.#parts;
    const user = users.get(recipient);
    if (localDelivery.wasTaken(fields)) {
      // The one behind it may say that it comes behind this one.
      localDelivery.markTaken(id);
      return this.#answer(origin, localDelivery.receiptFor(id));
    }
    if (user) {
      if (previous !== NIL_UUID && !localDelivery.has(user, previous)) {
        const reason = "one before it has to come again";
        return this.#answer(origin, refused(id, ErrorCode.RecipientBusy, reason));
      }
      if (user.out.length <= REFUSE_BYTES) {
        const own = mailbox.inMemory(fields.idWords);
        const isThere = own?.sentTo !== undefined && own.queue.handedTo === user;
        const { now, messageLog } = this.#context;
        if (origin !== this.#context.id) messageLog.message(fields, HERE);
        if (localDelivery.kept(user, fields, origin, isThere, now)) this.#answer(origin, sent(id));
        return;
      }
      return this.#answer(origin, refused(id, ErrorCode.RecipientBusy, "the recipient is slow"));
    }
    if (!legacy.has(recipient)) {
      return this.#answer(origin, refused(id, ErrorCode.NoSuchUser, "the recipient has left"));
    }
    const message = fields.bytes.subarray(fields.id, fields.end);
    const isNew = legacy.forward(recipient, id, message, (failure) => {
      if (failure === undefined) localDelivery.markSent(id, this.#context.now);
      this.#answer(
        origin,
        failure === undefined ? sent(id) : refused(id, ErrorCode.NoSuchUser, failure),
      );
      this.#parts.onAnswers();
    });
    if (isNew) this.#context.messageLog.message(fields, toLegacy(legacy.addressesOf(recipient)));
  }

  /** A user of this server has taken the message with that id: 16 bytes as four numbers. */
  acknowledged(connection: Connection, idWords: Int32Array): void {
    const id = readUuidOf(idWords);
    for (const origin of this.#parts.localDelivery.acknowledged(connection, id)) {
      this.#answer(origin, delivered(id));
    }
  }

  #answer(origin: string, receipt: Receipt): void {
    this.#parts.receipts.toServer(origin, receipt);
  }
}
