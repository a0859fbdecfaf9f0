/**
 * Durable messages at the server that stores them: accepted, sent, and settled. Owns what senders are
 * told, and when. `outbound_sender.ts` sends the messages, the mailbox stores them, and `inbound.ts` is
 * the other end, at the recipient's server.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  MAX_PAYLOAD_BYTES,
  MessageFields,
  messageId,
  OUTBOUND_HEADER_BYTES,
  readServerReceipts,
  type Receipt,
  ReceiptCursor,
  ReceiptState,
} from "@netlab/protocol/codec";
import { checkSender } from "../routing/router.ts";
import type { Connection } from "../connection.ts";
import type { Context } from "../host.ts";
import { DeferredAccepts } from "./deferred_accepts.ts";
import { identify, type MailboxEntry, type RecipientQueue } from "../mailbox/recipient_queue.ts";
import { isConfirmed, refused } from "../receipt.ts";
import type { MessageIdentity } from "../routing/local_delivery.ts";
import { OutboundSender, type OutboundSenderParts } from "./outbound_sender.ts";
import type { Receipts } from "./receipts.ts";
import type { User } from "../users/user.ts";

/** How often messages are looked at that wait or were not answered: milliseconds. */
const LOOK_EVERY_MS = 500;

/** What {@linkcode Outbound} works with. */
export interface OutboundParts extends Omit<OutboundSenderParts, "onDuplicate" | "onReceipt"> {
  /** Takes the receipts for senders. */
  readonly receipts: Receipts;
}

/** Accepts durable messages, and settles them. */
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
  readonly #deferred = new DeferredAccepts();
  /** Queues out of which something was taken since the last {@linkcode Outbound.settle}. */
  readonly #lighter = new Set<RecipientQueue>();
  /** What this server itself found out about messages that it stores, until the next settle. */
  #own: Receipt[] = [];
  #lookedAt = 0;
  #isDiskBroken = false;

  /** The outbound messages of one server: those that are in the mailbox. */
  constructor(context: Context, parts: OutboundParts) {
    this.#context = context;
    this.#parts = parts;
    this.#sender = new OutboundSender(context, {
      ...parts,
      onDuplicate: (entry, receipt) => this.#settled(entry, receipt, context.id),
      onReceipt: (receipt) => void this.#own.push(receipt),
    });
  }

  /**
   * A user of this server sends a durable message.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} when its sender is not that user,
   *   {@linkcode ErrorCode.Malformed} when it is no message.
   */
  accept(user: User, frame: Frame): void {
    const fields = this.#fields.read(frame.bytes, frame.start, frame.end);
    checkSender(user, fields);
    const { mailbox, receipts } = this.#parts;
    const known = mailbox.find(fields.idWords);
    if (known) {
      this.#deferred.remove(known);
      if (known.safe) receipts.toSender(known, ReceiptState.Accepted);
      return;
    }
    const bytes = frame.end - frame.start;
    const limit = MAX_PAYLOAD_BYTES - OUTBOUND_HEADER_BYTES;
    if (bytes > limit) {
      const reason = `Cannot store a message of ${bytes} bytes: the limit is ${limit}`;
      return this.#refuse(user, fields, ErrorCode.TextTooLong, reason);
    }
    const queue = mailbox.queueOf(fields);
    const isFull = queue !== undefined && mailbox.isFull(queue);
    if (isFull && !this.#mayDefer(user, queue.name)) {
      const reason = `Cannot store a message for ${queue.name}: too many wait for them already`;
      return this.#refuse(user, fields, ErrorCode.MailboxFull, reason);
    }
    const entry = mailbox.add(user.name, fields, this.#context.now);
    const { messageLog } = this.#context;
    if (messageLog.enabled && !this.#parts.locations.locate(entry.recipient)) {
      messageLog.message(fields, "none, stored until the recipient joins");
    }
    // In order: a sender that hears of this message has heard of those before it.
    if (isFull || this.#deferred.isFor(entry.recipient)) this.#deferred.add(entry);
  }

  /** Writes down what came in, tells the senders of what is safe now, and sends it. */
  commit(): void {
    const { mailbox, receipts, handoff } = this.#parts;
    if (!mailbox.dirty) return;
    const { safe, failed, error } = mailbox.commit();
    const queues = new Set<RecipientQueue>();
    let last: RecipientQueue | undefined;
    for (const entry of safe) {
      if (!this.#deferred.has(entry)) receipts.toSender(entry, ReceiptState.Accepted);
      handoff.committed(entry);
      if (entry.queue !== last) queues.add(last = entry.queue);
    }
    for (const entry of failed) {
      const { id, sender, recipient } = entry;
      this.#deferred.remove(entry);
      // The server that handed it off still stores it.
      if (handoff.failed(id)) continue;
      const reason = `Cannot store a message for ${recipient}: the server's disk cannot be written`;
      receipts.toUser(sender, refused(id, ErrorCode.StorageFailed, reason));
    }
    this.#logDisk(error);
    for (const queue of queues) this.#sender.send(queue);
  }

  /** Logs once that nothing can be written, and once that it can again: the log may need that disk. */
  #logDisk(error: unknown): void {
    const isBroken = error !== undefined;
    if (isBroken === this.#isDiskBroken) return;
    this.#isDiskBroken = isBroken;
    const { logger } = this.#context;
    if (isBroken) {
      logger.error("cannot write down messages, new ones are refused: {error}", {
        event: "storage.failed",
        error,
      });
    } else logger.info("messages can be written down again", { event: "storage.restored" });
  }

  /** Something changed about where a user is: what is not acknowledged is sent again, in order. */
  userChanged(name: string): void {
    const queue = this.#parts.mailbox.queue(name);
    if (queue) this.#sender.sendAgain(queue);
    this.#release(name);
  }

  /** Routes changed: what was sent over a route that is gone is sent again. */
  routesChanged(): void {
    this.#sender.routesChanged();
  }

  /** Receipts about stored messages came from another server, for this one or one further on. */
  serverReceipts(connection: Connection, frame: Frame): void {
    const { to, from, receipts } = readServerReceipts(frame.payload);
    if (to !== this.#context.id) return void this.#parts.mesh.forward(to, frame, connection);
    for (const receipt of receipts) this.#receipt(from, receipt);
  }

  /**
   * A user of this server has acknowledged messages. The senders of those that are stored here are told;
   * of the others, the servers that store them.
   */
  acknowledged(user: User, frame: Frame): void {
    const { mailbox, localDelivery, inbound } = this.#parts;
    const cursor = this.#cursor.begin(frame);
    while (cursor.next()) {
      if (cursor.state !== ReceiptState.Delivered) continue;
      if (user.hasUnacknowledged) inbound.acknowledged(user, cursor.id);
      const entry = mailbox.inMemory(cursor.id);
      if (entry?.sentTo !== this.#context.id || entry.queue.deliveredTo !== user) continue;
      identify(entry, this.#identity);
      localDelivery.markDeliveredFrom(this.#identity, entry);
      this.#delivered(entry, this.#context.id);
    }
  }

  /** Settles what this server found out itself, and sends what there is room for now. */
  settle(): void {
    for (;;) {
      const own = this.#own;
      if (own.length > 0) this.#own = [];
      for (const receipt of own) this.#receipt(this.#context.id, receipt);
      if (this.#lighter.size === 0) break;
      const queues = [...this.#lighter];
      this.#lighter.clear();
      for (const queue of queues) {
        this.#release(queue.name);
        this.#sender.send(queue);
      }
    }
  }

  /** Nothing waits on some connection any more. */
  drained(): void {
    this.#sender.drained();
    this.#parts.handoff.resume();
  }

  /** Time has passed: what is too old expires, and what nobody answered is sent again. */
  tick(): void {
    const { now } = this.#context;
    const { mailbox, receipts, handoff } = this.#parts;
    this.#accept(this.#deferred.expire(now));
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    handoff.tick();
    for (const entry of mailbox.expire(now)) {
      const { id, sender, recipient } = entry;
      this.#deferred.remove(entry);
      receipts.toUser(sender, { id, state: ReceiptState.Expired, code: 0, reason: "" });
      this.#release(recipient);
    }
    this.#sender.look();
  }

  /** The server closes: writes down what came in, and logs what becomes of the messages that are stored. */
  close(): void {
    this.commit();
    const { logger } = this.#context;
    const { durable, size: count } = this.#parts.mailbox;
    if (count === 0) return;
    const [messages, are, them, stay] = count === 1
      ? ["1 message", "is", "it", "stays"]
      : [`${count} messages`, "are", "them", "stay"];
    if (durable) {
      return logger.info(`${messages} ${stay} in the data folder until the next start`, {
        event: "storage.left",
        count,
      });
    }
    logger.warn(
      `${messages} in memory ${are} lost: no other server could take ${them}; ` +
        `a server that is started with --data DIR keeps ${them}`,
      { event: "storage.lost", count },
    );
  }

  #refuse({ name }: User, fields: MessageFields, code: number, reason: string): void {
    this.#parts.receipts.toUser(name, refused(messageId(fields), code, reason));
  }

  /** Whether a sender may go on although the recipient's queue is full: the recipient must be there. */
  #mayDefer({ name }: User, recipient: string): boolean {
    return this.#parts.locations.locate(recipient) !== undefined &&
      this.#deferred.mayAdd(name, recipient);
  }

  /** A receipt for a stored message: another server says what became of it, or this one found out. */
  #receipt(from: string, receipt: Receipt): void {
    const { mailbox, handoff } = this.#parts;
    const entry = mailbox.get(receipt.id);
    if (!entry) return;
    if (receipt.state === ReceiptState.Delivered) return this.#settled(entry, receipt, from);
    if (receipt.state === ReceiptState.Accepted) {
      // The server that it was handed off to stores it now, and tells the sender what becomes of it.
      this.#deferred.remove(entry);
      mailbox.remove(entry);
      return handoff.accepted(entry.queue);
    }
    handoff.refused(entry);
    // Whatever else is in flight to that server has to stay behind this message. The next look, or the
    // news of where the recipient is now, sends all of it again.
    if (entry.sentTo === from) entry.queue.wait();
  }

  /** A message was delivered or sent at the server `at`. */
  #settled(entry: MailboxEntry, receipt: Receipt, at: string): void {
    if (isConfirmed(receipt)) return this.#delivered(entry, at);
    this.#deferred.remove(entry);
    this.#parts.mailbox.sent(entry);
    this.#parts.receipts.toUser(entry.sender, receipt);
    this.#lighter.add(entry.queue);
  }

  #delivered(entry: MailboxEntry, at: string): void {
    const { mailbox, receipts } = this.#parts;
    this.#deferred.remove(entry);
    // Local delivery remembers what was delivered here as long as this server runs.
    if (at === this.#context.id && !mailbox.durable) mailbox.remove(entry);
    else mailbox.delivered(entry);
    receipts.toSender(entry, ReceiptState.Delivered);
    this.#lighter.add(entry.queue);
  }

  /** Ends the wait for a recipient, when there is room again or the recipient has left. */
  #release(recipient: string): void {
    const { mailbox, locations } = this.#parts;
    if (!this.#deferred.isWaitingFor(recipient)) return;
    const queue = mailbox.queue(recipient);
    if (queue && locations.locate(recipient) && !mailbox.isHalfEmpty(queue)) return;
    this.#accept(this.#deferred.release(recipient));
  }

  /** Sends accepted receipts that were held back. */
  #accept(entries: readonly MailboxEntry[]): void {
    for (const entry of entries) {
      if (entry.stored && entry.safe) {
        this.#parts.receipts.toSender(entry, ReceiptState.Accepted);
      }
    }
  }
}
