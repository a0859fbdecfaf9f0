/**
 * Inbound durable messages, which arrive from the server that stores them. Delivers them to a user of
 * this server or forwards them to the next hop. Owns the receipts for that server. Does not know how
 * messages are stored.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  MessageFields,
  messageId,
  MessageKind,
  readName,
  readOutboundMessage,
  readUuidOf,
  type Receipt,
} from "@netlab/protocol/codec";
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import type { Handoff } from "./handoff.ts";
import type { LegacyServers } from "../legacy/legacy_servers.ts";
import type { LocalDelivery } from "../routing/local_delivery.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";
import { HERE } from "../message_log.ts";
import { Peer } from "../mesh/peer.ts";
import type { Receipts } from "./receipts.ts";
import { delivered, refused, sent } from "../receipt.ts";
import type { Router } from "../routing/router.ts";
import type { User } from "../users/user.ts";
import type { UserRegistry } from "../users/registry.ts";

/** The components that {@linkcode Inbound} uses. */
export interface InboundParts {
  /** This server's users. */
  readonly users: UserRegistry;
  /** How this server reaches the others. */
  readonly mesh: ServerNetwork;
  /** The messages that this server stores. */
  readonly mailbox: Mailbox;
  /** Delivers to this server's users. */
  readonly localDelivery: LocalDelivery;
  /** Sends to legacy servers. */
  readonly router: Router;
  /** The legacy servers next to this one. */
  readonly legacy: LegacyServers;
  /** Sends receipts to the servers that store the messages. */
  readonly receipts: Receipts;
  /** Takes the messages of a leaving server. */
  readonly handoff: Handoff;
  /** Called when a receipt is due although no frame arrived. */
  readonly onReceipt: () => void;
}

/** A durable message for a user of this server, or of a legacy server next to it. */
export interface InboundMessage {
  /** The name of the user it is for. */
  readonly recipient: string;
  /** The positions of its fields. */
  readonly fields: MessageFields;
  /** The id of the message that must be delivered before it; nil for none. */
  readonly previous: string;
  /** The id of the server that stores it; `undefined` if this server does. */
  readonly origin: string | undefined;
  /** The hop count in its frame. */
  readonly hops?: number;
}

/** Delivers durable messages and answers the servers that store them. */
export class Inbound {
  readonly #context: Context;
  readonly #parts: InboundParts;
  readonly #fields = new MessageFields();

  /** Creates the inbound side of one server. */
  constructor(context: Context, parts: InboundParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * Handles a durable message from another server: delivers it here or forwards it.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} if the frame is no valid message.
   */
  received(from: Connection, frame: Frame): void {
    const { mesh, handoff, receipts } = this.#parts;
    const { origin, destination, previous, message } = readOutboundMessage(frame.payload);
    // This server stores the message: the frame went round in a circle.
    if (origin === this.#context.id) return;
    const fields = this.#fields.read(message, 0, message.length);
    this.#context.counters.messagesReceived++;
    if (destination === this.#context.id) {
      if (frame.subtype === MessageKind.HandedOff) return handoff.take(fields, previous, origin);
      const recipient = readName(message, fields.recipient, fields.recipientEnd);
      const inbound = { recipient, fields, previous, origin, hops: frame.reserved };
      return this.deliver(inbound, (receipt) => receipts.toServer(origin, receipt), from);
    }
    const next = mesh.forward(destination, frame, from);
    if (next instanceof Peer) {
      this.#context.counters.messagesForwarded++;
      return this.#context.messageLog.message(fields, next, from.party, frame.reserved);
    }
    // Otherwise the server that stores the message learns that the route is gone and uses another one.
    if (next !== "congested") return;
    const reason = "too much waits on the next link";
    receipts.toServer(origin, refused(messageId(fields), ErrorCode.RecipientBusy, reason));
  }

  /**
   * Delivers a message to a user of this server, or of a legacy server next to it.
   *
   * @param report Called with the receipt when it is known. A session's message is reported only if it
   *   was delivered before or is refused; otherwise its receipt follows the acknowledgement.
   * @param from The connection on which it arrived; `undefined` if this server stores it.
   */
  deliver(
    { recipient, fields, previous, origin, hops }: InboundMessage,
    report: (receipt: Receipt) => void,
    from: Connection | undefined,
  ): void {
    const { mailbox, users, localDelivery, legacy, router } = this.#parts;
    const id = messageId(fields);
    const user = users.get(recipient);
    if (user) {
      const own = mailbox.messages.inMemory(fields.idWords);
      const isThere = own?.sentTo !== undefined && own.queue.deliveredTo === user;
      const durable = { id, origin, previous, isThere };
      switch (localDelivery.deliver(user, { fields, durable }, from)) {
        case "duplicate":
          return report(localDelivery.receiptFor(id));
        case "out-of-order":
          return report(refused(id, ErrorCode.RecipientBusy, "one before it has to come again"));
        case "congested":
          return report(refused(id, ErrorCode.RecipientBusy, "the recipient is slow"));
        case "sent":
          report(sent(id));
      }
      if (origin !== undefined) {
        this.#context.messageLog.message(fields, HERE, from?.party, hops);
      }
      return;
    }
    if (localDelivery.wasDelivered(fields)) {
      // The next message may name this one as its predecessor.
      localDelivery.markDelivered(id);
      return report(localDelivery.receiptFor(id));
    }
    if (!legacy.has(recipient)) {
      return report(refused(id, ErrorCode.NoSuchUser, "the recipient has left"));
    }
    let isLater = false;
    router.sendToLegacy(recipient, fields, (failure) => {
      report(failure === undefined ? sent(id) : refused(id, ErrorCode.NoSuchUser, failure));
      // A receipt that is due at once waits for the next flush: the caller may be sending a whole queue.
      if (isLater) this.#parts.onReceipt();
    });
    isLater = true;
  }

  /**
   * Handles the acknowledgement of a user of this server.
   *
   * @param idWords The message's id: 16 bytes as four numbers.
   * @returns Whether a server waited for it.
   */
  acknowledged(user: User, idWords: Int32Array): boolean {
    const id = readUuidOf(idWords);
    const { localDelivery, receipts } = this.#parts;
    const origins = user.acknowledge(id);
    if (origins.length > 0) localDelivery.markDelivered(id);
    for (const origin of origins) receipts.toServer(origin, delivered(id));
    return origins.length > 0;
  }
}
