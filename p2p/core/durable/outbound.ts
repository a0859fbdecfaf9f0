/**
 * Outbound durable messages, at the server that stores them: accepted, sent and settled. Owns which
 * receipts the senders get, and when. Does not know how messages are sent or stored: `outbound_sender.ts`
 * sends them and the mailbox stores them. `store_trouble.ts` logs when it cannot. `inbound.ts` is the other end, at the recipient's server.
 *
 * @module
 */
import { STORED } from "../message_log.ts";
import {
  ErrorCode,
  type Frame,
  MAX_PAYLOAD_BYTES,
  MessageFields,
  messageId,
  NetlabError,
  OUTBOUND_HEADER_BYTES,
  readServerReceipts,
  type Receipt,
  ReceiptCursor,
  ReceiptState,
} from "@netlab/protocol/codec";
import { Admission } from "./admission/admission.ts";
import { checkSender } from "../routing/router.ts";
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import { DeferredAccepts } from "./admission/deferred_accepts.ts";
import type { Committed } from "../mailbox/mailbox.ts";
import type { StoredMessage } from "../mailbox/message_store.ts";
import { identify, type MailboxEntry, type RecipientQueue } from "../mailbox/recipient_queue.ts";
import { isConfirmed, refused } from "../receipt.ts";
import type { MessageIdentity } from "../routing/local_delivery.ts";
import { OutboundSender, type OutboundSenderParts } from "./outbound_sender.ts";
import type { NameFactors } from "../dedup/tables/name_table.ts";
import { Peer } from "../mesh/peer.ts";
import { otherOrigin } from "../mesh/statements/statements.ts";
import type { Receipts } from "./receipts.ts";
import { acceptedForUnknown, unknownOutcome } from "./remarks.ts";
import { StoreTrouble, whyNotStored } from "./store_trouble.ts";
import type { User } from "../users/user.ts";

/** How often waiting and unanswered messages are checked: milliseconds. */
const CHECK_EVERY_MS = 500;
/** So many acknowledgements of unknown messages take as long as a small frame. */
const RECEIPTS_PER_UNIT = 4;

/** The components that {@linkcode Outbound} uses. */
export interface OutboundParts extends Omit<OutboundSenderParts, "onDuplicate" | "onReceipt"> {
  /** Sends receipts to senders. */
  readonly receipts: Receipts;
  /** The random factors of the hash tables. */
  readonly factors: NameFactors;
  /** Called after a write to a store that needs time. */
  readonly onCommitted: () => void;
}

/** Accepts durable messages and settles them. */
export class Outbound {
  readonly #context: Context;
  readonly #parts: OutboundParts;
  readonly #sender: OutboundSender;
  readonly #fields = new MessageFields();
  readonly #cursor = new ReceiptCursor();
  readonly #identity: { -readonly [Key in keyof MessageIdentity]: MessageIdentity[Key] } = {
    idWords: new Int32Array(4),
    bytes: new Uint8Array(0),
    sender: 0,
    end: 0,
  };
  readonly #deferred: DeferredAccepts;
  readonly #admission: Admission;
  /** Queues from which messages were removed since the last {@linkcode Outbound.settle}. */
  readonly #shrunk = new Set<RecipientQueue>();
  /** Outcomes that this server itself determined for messages that it stores, until the next settle. */
  #own: Receipt[] = [];
  /** The recipient of the last message of this commit for a name that nobody has used. */
  #lastUnknown: RecipientQueue | undefined;
  #checkedAt = 0;
  readonly #trouble: StoreTrouble;

  /** Creates the outbound side of one server, with the messages in its mailbox. */
  constructor(context: Context, parts: OutboundParts) {
    this.#context = context;
    this.#parts = parts;
    this.#trouble = new StoreTrouble(context, parts.mailbox);
    this.#deferred = new DeferredAccepts(parts.factors);
    this.#admission = new Admission(parts, this.#deferred);
    const { receipts: _, factors: __, onCommitted: ___, ...senderParts } = parts;
    this.#sender = new OutboundSender(context, {
      ...senderParts,
      onDuplicate: (entry, receipt) => this.#settled(entry, receipt, context.id),
      onReceipt: (receipt) => void this.#own.push(receipt),
    });
  }

  /**
   * Accepts a durable message of a user of this server.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} if its sender is not this user,
   *   {@linkcode ErrorCode.Malformed} if the frame is no valid message.
   */
  accept(user: User, frame: Frame): void {
    const fields = this.#fields.read(frame.bytes, frame.start, frame.end);
    checkSender(user, fields);
    this.#context.counters.messagesReceived++;
    const { mailbox, receipts } = this.#parts;
    const known = mailbox.messages.find(fields.idWords);
    if (known) {
      this.#context.counters.duplicates++;
      user.connection.chargeFor(frame);
      this.#deferred.remove(known);
      if (known.safe) this.#accept(known);
      return;
    }
    const bytes = frame.end - frame.start;
    const limit = MAX_PAYLOAD_BYTES - OUTBOUND_HEADER_BYTES;
    if (bytes > limit) {
      user.connection.chargeFor(frame);
      const reason = `Cannot store a message of ${bytes} bytes: the limit is ${limit}`;
      return receipts.toUser(user.name, refused(messageId(fields), ErrorCode.TextTooLong, reason));
    }
    const admitted = this.#admission.admit(user.name, fields);
    if (!admitted) return user.connection.chargeFor(frame);
    const isTransient = admitted === "transient";
    const entry = mailbox.add(user.name, fields, this.#context.now, isTransient);
    if (!isTransient) this.#context.counters.messagesStored++;
    const { messageLog } = this.#context;
    if (messageLog.enabled && !this.#parts.locations.locate(entry.recipient)) {
      messageLog.message(fields, STORED, user);
    }
    if (admitted === "deferred") this.#deferred.add(entry);
  }

  /** Writes new messages to the store, sends accepted receipts for them, and sends them. */
  commit(): void {
    const { mailbox, handoff } = this.#parts;
    if (!mailbox.dirty) return;
    const committed = mailbox.commit(
      (entry) => this.#admission.isWithinReach(entry.recipient) && !handoff.isTaking(entry),
      (later) => {
        this.#committed(later);
        this.#parts.onCommitted();
      },
    );
    if (committed) this.#committed(committed);
  }

  /** Takes messages over that another server has stored, and sends them. */
  adopt(messages: Iterable<StoredMessage>): void {
    for (const queue of this.#parts.mailbox.adopt(messages)) this.#sender.send(queue);
  }

  #committed({ ready, failed, error }: Committed): void {
    const { mailbox, receipts, handoff } = this.#parts;
    this.#lastUnknown = undefined;
    const queues = new Set<RecipientQueue>();
    let last: RecipientQueue | undefined;
    for (const entry of ready) {
      if (entry.transient) this.#deferred.remove(entry);
      else if (!this.#deferred.has(entry)) this.#accept(entry);
      handoff.committed(entry);
      if (entry.queue !== last) queues.add(last = entry.queue);
    }
    for (const entry of failed) {
      const { id, sender, recipient } = entry;
      this.#deferred.remove(entry);
      // The server that handed it off still stores it.
      if (handoff.failed(id)) continue;
      const reason = `Cannot store a message for ${recipient}: ${whyNotStored(error)}`;
      const code = error instanceof NetlabError ? error.code : ErrorCode.StorageFailed;
      receipts.toUser(sender, refused(id, code, reason));
    }
    // If nothing was added, nobody knows whether it would have been stored.
    if (ready.length + failed.length > 0 || error !== undefined) this.#trouble.committed(error);
    for (const queue of queues) {
      this.#sender.send(queue);
      if (mailbox.isMemoryFull && !handoff.isLeaving) mailbox.spill(queue);
    }
  }

  /** Sends unacknowledged messages for a user again in order, because the user's location changed. */
  userChanged(name: string): void {
    const { mailbox } = this.#parts;
    const queue = mailbox.queues.get(name);
    if (queue) {
      mailbox.nameSeen(queue);
      this.#sender.sendAgain(queue);
    }
    this.#release(name);
  }

  /** Sends messages again whose route changed. */
  routesChanged(): void {
    this.#sender.routesChanged();
  }

  /**
   * Handles receipts from another server for stored messages, or forwards them to the server that stores
   * the messages.
   */
  serverReceipts(connection: Connection, frame: Frame): void {
    const { to, from, receipts } = readServerReceipts(frame.payload);
    const { party } = connection;
    if (!(party instanceof Peer) || !this.#parts.mesh.testimony.mayRelay(party, from)) return;
    if (to !== this.#context.id) return void this.#parts.mesh.forward(to, frame, connection);
    for (const receipt of receipts) this.#receipt(from, receipt);
  }

  /**
   * Handles receipts that another server, by its id, has signed for this one. A server is believed about the messages
   * that it was sent; the others are sent again, and it gets the chance to answer.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.SignatureInvalid} when they speak for another server.
   */
  stated(origin: string, frame: Frame): void {
    const { to, from, receipts } = readServerReceipts(frame.payload);
    if (from !== origin || to !== this.#context.id) throw otherOrigin();
    const { mailbox, handoff } = this.#parts;
    for (const receipt of receipts) {
      const wasSent = mailbox.messages.get(receipt.id)?.sentTo === origin;
      if (wasSent || handoff.isSuccessor(origin)) this.#receipt(origin, receipt);
    }
  }

  /**
   * Handles acknowledgements of a user of this server. The senders of messages stored here get receipts.
   * For other messages, the servers that store them do.
   */
  acknowledged(user: User, frame: Frame): void {
    const { mailbox, localDelivery, inbound } = this.#parts;
    const cursor = this.#cursor.begin(frame);
    let unknown = 0;
    while (cursor.next()) {
      if (cursor.state !== ReceiptState.Delivered) continue;
      const isAwaited = user.hasUnacknowledged && inbound.acknowledged(user, cursor.id);
      const entry = mailbox.messages.inMemory(cursor.id);
      if (entry?.sentTo !== this.#context.id || entry.queue.deliveredTo !== user) {
        if (!isAwaited) unknown++;
        continue;
      }
      identify(entry, this.#identity);
      localDelivery.markDeliveredFrom(this.#identity, entry);
      this.#delivered(entry, this.#context.id);
    }
    user.connection.charge(Math.ceil(unknown / RECEIPTS_PER_UNIT));
  }

  /**
   * Settles messages whose outcome this server determined, and sends messages for which there is room
   * now.
   */
  settle(): void {
    for (;;) {
      const own = this.#own;
      if (own.length > 0) this.#own = [];
      for (const receipt of own) this.#receipt(this.#context.id, receipt);
      if (this.#shrunk.size === 0) break;
      const queues = [...this.#shrunk];
      this.#shrunk.clear();
      for (const queue of queues) {
        this.#release(queue.name);
        this.#sender.answered(queue);
      }
    }
  }

  /** Sends messages that waited for a connection. Call it when it has sent everything. */
  drained(connection: Connection): void {
    this.#sender.drained(connection);
    this.#parts.handoff.resume();
  }

  /** Expires old messages, and sends unanswered messages again. */
  tick(): void {
    const { now } = this.#context;
    const { mailbox, receipts, handoff } = this.#parts;
    this.#acceptAll(this.#deferred.expire(now));
    if (now - this.#checkedAt < CHECK_EVERY_MS) return;
    this.#checkedAt = now;
    this.#trouble.look();
    handoff.tick();
    for (const entry of mailbox.expire(now)) {
      const { id, sender, recipient } = entry;
      this.#deferred.remove(entry);
      receipts.toUser(sender, { id, state: ReceiptState.Expired, code: 0, reason: "" });
      this.#release(recipient);
    }
    for (const entry of mailbox.transients.overdue(now)) this.#giveUp(entry);
    this.#sender.look();
  }

  /**
   * Writes new messages to the store, and logs what happens to the stored messages when the server
   * closes.
   */
  close(): void {
    this.commit();
    this.#trouble.closed();
  }

  /** Handles a receipt for a stored message, from another server or from this one. */
  #receipt(from: string, receipt: Receipt): void {
    const { mailbox, handoff } = this.#parts;
    const entry = mailbox.messages.get(receipt.id);
    if (!entry) return;
    if (receipt.state === ReceiptState.Delivered) return this.#settled(entry, receipt, from);
    if (receipt.state === ReceiptState.Accepted) {
      if (!handoff.isLeaving) return;
      // The successor stores it now and sends its receipts to the sender.
      this.#deferred.remove(entry);
      mailbox.remove(entry);
      return handoff.accepted(entry.queue);
    }
    handoff.refused(entry, from, receipt.code);
    // Other messages in flight to that server must follow this one. They are all sent again at the next
    // check, or when the recipient's location is known.
    if (entry.sentTo === from) this.#sender.sendLater(entry.queue);
  }

  /** Settles a message that was delivered or sent at the server `at`. */
  #settled(entry: MailboxEntry, receipt: Receipt, at: string): void {
    if (isConfirmed(receipt)) return this.#delivered(entry, at);
    this.#deferred.remove(entry);
    this.#parts.mailbox.sent(entry);
    this.#parts.receipts.toUser(entry.sender, receipt);
    this.#shrunk.add(entry.queue);
  }

  #delivered(entry: MailboxEntry, at: string): void {
    const { mailbox, receipts } = this.#parts;
    this.#deferred.remove(entry);
    // Local delivery remembers delivered messages while this server runs.
    if (at === this.#context.id && !mailbox.durable) mailbox.remove(entry);
    else mailbox.delivered(entry);
    receipts.toSender(entry, ReceiptState.Delivered, entry.transient ? ErrorCode.NotStored : 0);
    this.#shrunk.add(entry.queue);
  }

  /**
   * Gives up a message that was not stored and that nobody has acknowledged. Tells its sender only if they
   * are still here: elsewhere they send it again, because it was not accepted.
   */
  #giveUp(entry: MailboxEntry): void {
    const { mailbox, receipts, locations } = this.#parts;
    const { sender, id, recipient, queue } = entry;
    mailbox.remove(entry);
    this.#shrunk.add(queue);
    if (locations.locate(sender)?.server !== this.#context.id) return;
    receipts.toUser(sender, unknownOutcome(id, recipient));
  }

  /** Releases deferred receipts for a recipient if there is room again or the recipient has left. */
  #release(recipient: string): void {
    const { mailbox, locations } = this.#parts;
    if (!this.#deferred.isWaitingFor(recipient)) return;
    const queue = mailbox.queues.get(recipient);
    if (queue && locations.locate(recipient) && !mailbox.usage.isHalfEmpty(queue)) {
      return this.#deferred.advanced(recipient, this.#context.now);
    }
    this.#acceptAll(this.#deferred.release(recipient));
  }

  /** Sends the accepted receipt for a stored message. */
  #accept(entry: MailboxEntry): void {
    const { mailbox, receipts } = this.#parts;
    const { queue } = entry;
    if (entry.transient) return;
    if (!queue.isUnknown) return receipts.toSender(entry, ReceiptState.Accepted);
    // The sentence is long, so only the first of several receipts for one recipient has it.
    if (this.#lastUnknown === queue) {
      return receipts.toSender(entry, ReceiptState.Accepted, ErrorCode.UnknownRecipient);
    }
    this.#lastUnknown = queue;
    const { limits: { maxAgeMs }, durable: remembersNames } = mailbox;
    const receipt = acceptedForUnknown(entry.id, queue.name, { maxAgeMs, remembersNames });
    receipts.toUser(entry.sender, receipt);
  }

  /** Sends deferred accepted receipts. */
  #acceptAll(entries: readonly MailboxEntry[]): void {
    for (const entry of entries) if (entry.stored && entry.safe) this.#accept(entry);
  }
}
