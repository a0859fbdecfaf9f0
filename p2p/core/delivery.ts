/**
 * Kept messages at the server that keeps them: taken in, sent to where their recipient is, sent again
 * until somebody answers, and ended. Owns when that happens; what is kept is the mailbox's, and what
 * happens where a message arrives is the arrival's.
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
  readName,
  readServerReceipts,
  type Receipt,
  ReceiptState,
  writeKeptMessage,
} from "@netlab/protocol";
import type { Arrival } from "./arrival.ts";
import type { Context } from "./host.ts";
import { type Link, MAX_HOLD_MS } from "./link.ts";
import type { StoredMessage } from "./mail_store.ts";
import type { Box, KeptEntry } from "./box.ts";
import type { Mailbox } from "./mailbox.ts";
import { MAX_HOPS, type Mesh } from "./mesh.ts";
import { accepted, delivered, type Receipts, refused } from "./receipts.ts";
import { HOLD_UP_BYTES, REFUSE_BYTES } from "./relay.ts";
import type { Takeover } from "./takeover.ts";
import type { Route, Topology } from "./topology.ts";
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
  /** Messages for users of this server go here. */
  readonly arrival: Arrival;
  /** What is kept goes to another server when this one is about to leave. */
  readonly takeover: Takeover;
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
  /** How each server was reached when that was last looked at. */
  #ways: ReadonlyMap<string, Route> = new Map();
  #lookedAt = 0;

  /** Delivers what is in the mailbox. */
  constructor(context: Context, parts: DeliveryParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** A user of this server sends a message that is to be kept. */
  accept(link: Link, frame: Frame, fields: MessageFields): void {
    const { mailbox, receipts } = this.#parts;
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
    if (full && !this.#mayWait(link, recipient)) {
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

  /** Writes down what came in; those whose messages are safe are told, and the messages are sent. */
  commit(): void {
    const { mailbox, receipts, takeover } = this.#parts;
    if (!mailbox.dirty) return;
    const { safe, failed, error } = mailbox.commit();
    for (const entry of safe) {
      const { id, sender } = entry;
      if (!this.#withheld.has(entry)) receipts.toUser(sender, accepted(id));
      takeover.committed(id);
    }
    for (const entry of failed) {
      const { id, sender, recipient } = entry;
      this.#withheld.remove(entry);
      // Whoever handed it over keeps it.
      if (takeover.failed(id)) continue;
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
    const ways = topology.routes();
    const before = this.#ways;
    this.#ways = ways;
    for (const recipient of mailbox.recipients()) {
      const box = mailbox.box(recipient)!;
      for (const { sentTo } of box.entries()) {
        if (sentTo === undefined) break;
        if (sentTo === this.#context.id) continue;
        if (ways.get(sentTo) === before.get(sentTo)) continue;
        this.#sendAgain(recipient, box);
        break;
      }
    }
  }

  /** Receipts about kept messages came from another server. */
  serverReceipts(link: Link, frame: Frame): void {
    const { to, from, receipts } = readServerReceipts(frame.payload);
    if (to === this.#context.id) return this.#answered(from, receipts);
    const next = this.#parts.mesh.toward(to);
    const hops = frame.reserved + 1;
    if (next && next !== link && hops <= MAX_HOPS) next.port.out.forward(frame, hops);
  }

  /** The turn ends: what this server itself answered counts, and what follows from that is done. */
  settle(): void {
    const { receipts } = this.#parts;
    for (let own = receipts.takeOwn(); own.length > 0; own = receipts.takeOwn()) {
      this.#answered(this.#context.id, own);
    }
  }

  /** Nothing waits on some connection any more. */
  drained(): void {
    if (this.#clogged.size > 0) {
      const clogged = [...this.#clogged];
      this.#clogged.clear();
      for (const recipient of clogged) this.#send(recipient);
    }
    this.#parts.takeover.resume();
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
    this.#parts.takeover.tick();
    for (const entry of mailbox.expire(now)) {
      const { id, sender, recipient } = entry;
      this.#withheld.remove(entry);
      receipts.toUser(sender, { id, state: ReceiptState.Expired, code: 0, reason: "" });
      this.#release(recipient);
    }
    for (const recipient of mailbox.recipients()) {
      const box = mailbox.box(recipient)!;
      const { first: oldest } = box;
      const late = oldest?.sentTo !== undefined && now - oldest.sentAt >= ANSWER_MS;
      if (late) this.#sendAgain(recipient, box);
      else if (box.waiting) this.#send(recipient);
    }
  }

  #sendAgain(recipient: string, box: Box): void {
    box.wait();
    this.#send(recipient);
  }

  /** Sends what waits for a user, in order, as far as it may be under way. */
  #send(recipient: string): void {
    const { mailbox, users, mesh } = this.#parts;
    const box = mailbox.box(recipient);
    if (!box?.waiting) return;
    const location = users.locate(recipient);
    if (!location) return;
    const here = location.server === this.#context.id;
    const link = here ? users.get(recipient) : mesh.toward(location.server);
    // A user of this server without a link is one of a first-generation server.
    if (!link && !here) {
      this.#clogged.add(recipient);
      return;
    }
    for (let entry = box.waiting; entry; entry = box.waiting) {
      const full = box.underWay >= MAX_UNDER_WAY ||
        box.underWayBytes >= MAX_UNDER_WAY_BYTES;
      if (full || !entry.safe) return;
      if (link && link.port.out.length > HOLD_UP_BYTES) {
        this.#clogged.add(recipient);
        return;
      }
      const previous = box.lastSent;
      box.sent(entry, location.server, this.#context.now);
      if (here) this.#sendHere(entry, previous);
      else this.#sendAway(entry, previous, location.server, link!);
    }
  }

  #sendHere({ id, recipient, message }: KeptEntry, previous: string): void {
    const fields = this.#fields.read(message, 0, message.length);
    const origin = this.#context.id;
    this.#parts.arrival.deliver({ id, recipient, fields, previous, origin });
  }

  #sendAway({ message }: KeptEntry, previous: string, destination: string, link: Link): void {
    const kept = { origin: this.#context.id, destination, previous, message };
    writeKeptMessage(link.port.out, kept, MessageKind.Kept, 1);
  }

  /** Whether a sender may go on although as much is kept for a recipient as may be. */
  #mayWait(link: Link, recipient: string): boolean {
    return this.#parts.users.locate(recipient) !== undefined && !this.#overdue.has(recipient) &&
      this.#withheld.bytesOf(link.name) <= MAX_WITHHELD_BYTES;
  }

  /** A server says what became of messages that this one keeps. */
  #answered(from: string, answers: readonly Receipt[]): void {
    const { mailbox, receipts, takeover } = this.#parts;
    const changed = new Set<string>();
    for (const { id, state } of answers) {
      const entry = mailbox.get(id);
      if (!entry) continue;
      if (state === ReceiptState.Delivered) {
        const end = delivered(id);
        this.#withheld.remove(entry);
        // That it arrived here is remembered anyway, as long as this server runs.
        if (from === this.#context.id && !mailbox.durable) mailbox.remove(id);
        else mailbox.end(end);
        receipts.toUser(entry.sender, end);
        changed.add(entry.recipient);
      } else if (state === ReceiptState.Accepted) {
        // The server that it was handed over to keeps it now, and tells the sender how it ends.
        this.#withheld.remove(entry);
        mailbox.remove(id);
      } else {
        takeover.refused(entry);
        // Refused where it was sent: whatever else is under way there has to stay behind it. The next
        // look, or the news of where the recipient is now, sends all of it again.
        if (entry.sentTo === from) mailbox.box(entry.recipient)!.wait();
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
