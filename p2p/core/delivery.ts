/**
 * Kept messages: taken in, sent to where their recipient is, sent again until somebody answers, and
 * ended. Owns when that happens, at the server that keeps a message and at the one it is sent to; what
 * is kept is the mailbox's.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  KEPT_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  MessageFields,
  messageId,
  MessageKind,
  readKeptMessage,
  readName,
  readServerReceipts,
  type Receipt,
  ReceiptState,
  writeKeptMessage,
} from "@netlab/protocol";
import type { Location } from "./directory.ts";
import type { FirstGeneration } from "./first_generation.ts";
import type { HandOver } from "./hand_over.ts";
import type { Context } from "./host.ts";
import { type Link, MAX_HOLD_MS } from "./link.ts";
import type { StoredMessage } from "./mail_store.ts";
import type { Box, KeptEntry, Mailbox } from "./mailbox.ts";
import { MAX_HOPS, type Mesh } from "./mesh.ts";
import { delivered, type Receipts, refused } from "./receipts.ts";
import { HOLD_UP_BYTES, REFUSE_BYTES } from "./relay.ts";
import type { Topology } from "./topology.ts";
import type { Users } from "./users.ts";
import { Withheld } from "./withheld.ts";

/** Messages for one user that may be under way and not acknowledged. */
const MAX_UNDER_WAY = 1_000;
/** Their bytes: half of what the recipient's server takes before it refuses. */
const MAX_UNDER_WAY_BYTES = REFUSE_BYTES / 2;
/** A message that nobody answered for this long is sent again: milliseconds. */
const ANSWER_MS = 10_000;
/** How often it is looked for what to send again, and after a refusal how soon: milliseconds. */
const LOOK_EVERY_MS = 500;
/** What one sender may have sent beyond the limit and not heard of; twice what a client sends. */
const MAX_WITHHELD_BYTES = 4 * 1024 * 1024;

/** The parts of a core that delivery works with. */
export interface DeliveryParts {
  /** What is kept. */
  readonly mailbox: Mailbox;
  /** Who is where. */
  readonly users: Users;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** Which way leads to which server. */
  readonly topology: Topology;
  /** The users of this server take messages here. */
  readonly handOver: HandOver;
  /** The first-generation servers next to this one. */
  readonly firstGeneration: FirstGeneration;
  /** Receipts go out here. */
  readonly receipts: Receipts;
}

/** Delivers what is kept. */
export class Delivery {
  readonly #context: Context;
  readonly #parts: DeliveryParts;
  readonly #fields = new MessageFields();
  /** Messages beyond the limit for recipients who are there: their senders wait to hear of them. */
  readonly #withheld = new Withheld();
  /** Recipients who did not take what waits in the time that senders waited for them. */
  readonly #overdue = new Set<string>();
  /** Recipients whose way was clogged. */
  readonly #clogged = new Set<string>();
  /** Over which neighbour each server was reached when that was last looked at. */
  #ways = new Map<string, string>();
  /** What this server, as the one a message was sent to, answers itself, as the one that keeps it. */
  readonly #ownAnswers: Receipt[] = [];
  /** Messages that other servers handed over and that are not safe yet, and which server. */
  readonly #takenOver = new Map<string, string>();
  /** What is still to be handed over, and to which server, when this one is about to leave. */
  #handingOver: { server: string; entries: KeptEntry[] } | undefined;
  /** When each was handed over and not heard of since: milliseconds. */
  readonly #handedOverAt = new WeakMap<KeptEntry, number>();
  #lookedAt = 0;

  /** Delivers what is in the mailbox. */
  constructor(context: Context, parts: DeliveryParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** A user of this server sends a message that is to be kept. */
  accept(link: Link, frame: Frame, fields: MessageFields): void {
    const { mailbox, users, receipts } = this.#parts;
    const id = messageId(fields);
    const known = mailbox.get(id);
    if (known) {
      this.#withheld.remove(known);
      if (known.safe) receipts.toUser(known.sender, accepted(id));
      return;
    }
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const bytes = frame.end - frame.start;
    const limit = MAX_PAYLOAD_BYTES - KEPT_HEADER_BYTES;
    if (bytes > limit) {
      const reason = `Cannot keep a message of ${bytes} bytes: the limit is ${limit}`;
      return receipts.toUser(link.name, refused(id, ErrorCode.TextTooLong, reason));
    }
    const full = mailbox.isFull(recipient);
    const waits = users.locate(recipient) && !this.#overdue.has(recipient) &&
      this.#withheld.bytesOf(link.name) <= MAX_WITHHELD_BYTES;
    if (full && !waits) {
      const reason = `Cannot keep a message for ${recipient}: too many wait for them already`;
      return receipts.toUser(link.name, refused(id, ErrorCode.MailboxFull, reason));
    }
    const message: StoredMessage = {
      id,
      sender: link.name,
      recipient,
      message: frame.payload.slice(),
      acceptedAt: this.#context.now,
    };
    mailbox.add(message);
    // In order: whoever hears of this one has heard of those before.
    if (full || this.#withheld.isFor(recipient)) this.#withheld.add(message);
  }

  /**
   * Gives all that is kept here to another server, which keeps it from then on, and what still comes
   * in as well; what it has safe is kept here no more.
   */
  handOver(server: string): void {
    this.#handingOver = { server, entries: [] };
    this.#gatherHandOver();
  }

  /** Writes down what came in; those whose messages are safe are told, and the messages are sent. */
  commit(): void {
    const { mailbox, receipts } = this.#parts;
    if (!mailbox.dirty) return;
    const { safe, failed, error } = mailbox.commit();
    for (const entry of safe) {
      const { id, sender } = entry;
      if (!this.#withheld.has(entry)) receipts.toUser(sender, accepted(id));
      const before = this.#takenOver.get(id);
      if (before !== undefined) this.#answer(before, accepted(id));
      this.#takenOver.delete(id);
    }
    for (const entry of failed) {
      const { id, sender, recipient } = entry;
      this.#withheld.remove(entry);
      // Whoever handed it over keeps it.
      if (this.#takenOver.delete(id)) continue;
      const reason = `Cannot keep a message for ${recipient}: the server's disk cannot be written`;
      receipts.toUser(sender, refused(id, ErrorCode.StorageFailed, reason));
    }
    if (error !== undefined) {
      this.#context.logger.error("cannot write down messages: {error}", {
        event: "storage.failed",
        error,
      });
    }
    for (const recipient of new Set(safe.map(({ recipient }) => recipient))) this.#send(recipient);
  }

  /** Something changed about where a user is: what they have not acknowledged is sent again, in order. */
  userChanged(name: string): void {
    const box = this.#parts.mailbox.box(name);
    if (box) this.#sendAgain(name, box);
    this.#release(name);
  }

  /** Ways changed: what was sent over one that is no more is sent again. */
  waysChanged(): void {
    const { topology, mailbox } = this.#parts;
    // Over the same neighbour, but further or less far: something behind it changed.
    const ways = new Map(
      [...topology.routes()].map(([server, { next, cost }]) => [server, `${next} ${cost}`]),
    );
    const before = this.#ways;
    this.#ways = ways;
    for (const recipient of mailbox.recipients()) {
      const box = mailbox.box(recipient)!;
      for (const { sentTo } of box.entries.values()) {
        if (sentTo === undefined || sentTo === this.#context.id) continue;
        if (ways.get(sentTo) === before.get(sentTo)) continue;
        this.#sendAgain(recipient, box);
        break;
      }
    }
  }

  /** A kept message came from another server. */
  received(link: Link, frame: Frame): void {
    const { mesh } = this.#parts;
    const { origin, destination, message } = readKeptMessage(frame.payload);
    const fields = this.#fields.read(message, 0, message.length);
    if (destination === this.#context.id) {
      if (frame.subtype === MessageKind.Kept) return this.#deliver(fields, origin);
      return this.#takeOver(fields, message, origin);
    }
    const hops = frame.reserved + 1;
    const next = mesh.toward(destination);
    // Who keeps it hears that the way is gone, and sends it again over another.
    if (!next || next === link || hops > MAX_HOPS) return;
    if (next.port.out.length <= REFUSE_BYTES) return next.port.out.forward(frame, hops);
    const id = messageId(fields);
    this.#answer(origin, refused(id, ErrorCode.RecipientBusy, "the way is clogged"));
  }

  /** Receipts about kept messages came from another server. */
  serverReceipts(link: Link, frame: Frame): void {
    const { to, from, receipts } = readServerReceipts(frame.payload);
    if (to === this.#context.id) return this.#answered(from, receipts);
    const next = this.#parts.mesh.toward(to);
    const hops = frame.reserved + 1;
    if (next && next !== link && hops <= MAX_HOPS) next.port.out.forward(frame, hops);
  }

  /** A user of this server has acknowledged what was handed over. */
  acknowledged(link: Link, receipts: readonly Receipt[]): void {
    for (const { id, state } of receipts) {
      if (state === ReceiptState.Delivered) this.#parts.handOver.acknowledged(link, id);
    }
  }

  /** A message was delivered by this server, for the one that keeps it. */
  answerDelivered(id: string, origin: string): void {
    this.#answer(origin, delivered(id));
  }

  /** The turn ends: what this server itself answered counts, and what follows from that is done. */
  settle(): void {
    while (this.#ownAnswers.length > 0) {
      this.#answered(this.#context.id, this.#ownAnswers.splice(0));
    }
  }

  /** Nothing waits on some connection any more. */
  drained(): void {
    const clogged = [...this.#clogged];
    this.#clogged.clear();
    for (const recipient of clogged) this.#send(recipient);
    this.#continueHandOver();
  }

  /** Time has passed: what is too old ends, what nobody answered is sent again. */
  tick(): void {
    const { now } = this.#context;
    const { mailbox, receipts } = this.#parts;
    for (const recipient of this.#withheld.waitingSince(now - MAX_HOLD_MS)) {
      this.#overdue.add(recipient);
      this.#tellWithheld(recipient);
    }
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    this.#parts.handOver.tick();
    this.#gatherHandOver();
    for (const entry of mailbox.expire(now)) {
      const { id, sender, recipient } = entry;
      this.#withheld.remove(entry);
      receipts.toUser(sender, { id, state: ReceiptState.Expired, code: 0, reason: "" });
      this.#release(recipient);
    }
    for (const recipient of mailbox.recipients()) {
      const box = mailbox.box(recipient)!;
      const [oldest] = box.entries.values();
      const late = oldest?.sentTo !== undefined && now - oldest.sentAt >= ANSWER_MS;
      if (late) this.#sendAgain(recipient, box);
      else if (box.waiting.size > 0) this.#send(recipient);
    }
  }

  /** Looks for what was not handed over yet, or not heard of for too long. */
  #gatherHandOver(): void {
    const { mailbox } = this.#parts;
    if (this.#handingOver?.entries.length !== 0) return;
    for (const recipient of mailbox.recipients()) {
      for (const entry of mailbox.box(recipient)!.entries.values()) {
        const at = this.#handedOverAt.get(entry) ?? -Infinity;
        if (this.#context.now - at >= ANSWER_MS) this.#handingOver.entries.push(entry);
      }
    }
    this.#continueHandOver();
  }

  /** Hands over as much as the link takes for now. */
  #continueHandOver(): void {
    if (!this.#handingOver) return;
    const { server, entries } = this.#handingOver;
    const out = this.#parts.mesh.toward(server)?.port.out;
    while (out && entries.length > 0 && out.length <= HOLD_UP_BYTES) {
      const entry = entries.shift()!;
      this.#handedOverAt.set(entry, this.#context.now);
      const kept = { origin: this.#context.id, destination: server, message: entry.message };
      writeKeptMessage(out, kept, MessageKind.HandedOver, 1);
    }
  }

  #sendAgain(recipient: string, box: Box): void {
    box.wait();
    this.#send(recipient);
  }

  /** Sends what waits for a user, in order, as far as it may be under way. */
  #send(recipient: string): void {
    const { mailbox, users } = this.#parts;
    const box = mailbox.box(recipient);
    if (!box || box.waiting.size === 0) return;
    const location = users.locate(recipient);
    if (!location) return;
    for (const entry of box.waiting) {
      const full = box.entries.size - box.waiting.size >= MAX_UNDER_WAY ||
        box.underWayBytes >= MAX_UNDER_WAY_BYTES;
      if (full || !entry.safe) return;
      if (!this.#hasRoom(recipient, location)) {
        this.#clogged.add(recipient);
        return;
      }
      box.sent(entry, location.server, this.#context.now);
      this.#sendOne(entry, location);
    }
  }

  #hasRoom(recipient: string, { server }: Location): boolean {
    const { users, mesh } = this.#parts;
    const here = server === this.#context.id;
    const link = here ? users.get(recipient) : mesh.toward(server);
    // A user of this server without a link is one of a first-generation server.
    return link ? link.port.out.length <= HOLD_UP_BYTES : here;
  }

  #sendOne({ message }: KeptEntry, { server }: Location): void {
    const { id } = this.#context;
    if (server === id) return this.#deliver(this.#fields.read(message, 0, message.length), id);
    const next = this.#parts.mesh.toward(server)!;
    const kept = { origin: id, destination: server, message };
    writeKeptMessage(next.port.out, kept, MessageKind.Kept, 1);
  }

  /** Hands a kept message to a user here, or says why not. */
  #deliver(fields: MessageFields, origin: string): void {
    const { users, handOver, firstGeneration } = this.#parts;
    const id = messageId(fields);
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const user = users.get(recipient);
    if (handOver.wasSeen(id)) return this.#answer(origin, delivered(id));
    if (user) {
      if (handOver.isBehind(user, origin, id)) {
        const reason = "one before it has to come again";
        return this.#answer(origin, refused(id, ErrorCode.RecipientBusy, reason));
      }
      if (user.port.out.length <= REFUSE_BYTES) return handOver.kept(user, fields, origin);
      handOver.missed(recipient, origin, id);
      return this.#answer(origin, refused(id, ErrorCode.RecipientBusy, "the recipient is slow"));
    }
    if (!firstGeneration.has(recipient)) {
      handOver.missed(recipient, origin, id);
      return this.#answer(origin, refused(id, ErrorCode.NoSuchUser, "the recipient has left"));
    }
    const message = fields.bytes.subarray(fields.id, fields.end);
    firstGeneration.forward(recipient, id, message, (failure) => {
      if (failure === undefined) handOver.markSeen(id);
      this.#answer(
        origin,
        failure === undefined ? delivered(id) : refused(id, ErrorCode.NoSuchUser, failure),
      );
      this.settle();
      this.#parts.receipts.flush();
    });
  }

  /** Keeps a message from now on that another server kept. */
  #takeOver(fields: MessageFields, message: Uint8Array, origin: string): void {
    const { mailbox } = this.#parts;
    const id = messageId(fields);
    const known = mailbox.get(id);
    if (known?.safe) return this.#answer(origin, accepted(id));
    this.#takenOver.set(id, origin);
    if (known) return;
    mailbox.add({
      id,
      sender: readName(message, fields.sender, fields.senderEnd),
      recipient: readName(message, fields.recipient, fields.recipientEnd),
      message: message.slice(),
      acceptedAt: this.#context.now,
    });
  }

  #answer(origin: string, receipt: Receipt): void {
    if (origin === this.#context.id) this.#ownAnswers.push(receipt);
    else this.#parts.receipts.toServer(origin, receipt);
  }

  /** A server says what became of messages that this one keeps. */
  #answered(from: string, answers: readonly Receipt[]): void {
    const { mailbox, receipts } = this.#parts;
    const changed = new Set<string>();
    for (const { id, state } of answers) {
      const entry = mailbox.get(id);
      if (!entry) continue;
      if (state === ReceiptState.Delivered) {
        this.#withheld.remove(entry);
        mailbox.remove(id);
        receipts.toUser(entry.sender, delivered(id));
        changed.add(entry.recipient);
      } else if (state === ReceiptState.Accepted) {
        // The server that it was handed over to keeps it now, and tells the sender how it ends.
        this.#withheld.remove(entry);
        mailbox.remove(id);
      } else if (entry.sentTo === from) {
        // Refused where it was sent: whatever else is under way there has to stay behind it. The next
        // look, or the news of where the recipient is now, sends all of it again.
        mailbox.box(entry.recipient)!.wait();
      }
    }
    for (const recipient of changed) {
      this.#release(recipient);
      this.#send(recipient);
    }
  }

  /** Ends the wait for a recipient: there is room again, or the recipient has left. */
  #release(recipient: string): void {
    const { mailbox, users } = this.#parts;
    if (!this.#withheld.isFor(recipient) && !this.#overdue.has(recipient)) return;
    if (users.locate(recipient) && !mailbox.isHalfEmpty(recipient)) return;
    this.#overdue.delete(recipient);
    this.#tellWithheld(recipient);
  }

  #tellWithheld(recipient: string): void {
    const { mailbox, receipts } = this.#parts;
    for (const { id, sender } of this.#withheld.take(recipient)) {
      if (mailbox.get(id)?.safe) receipts.toUser(sender, accepted(id));
    }
  }
}

function accepted(id: string): Receipt {
  return { id, state: ReceiptState.Accepted, code: 0, reason: "" };
}
