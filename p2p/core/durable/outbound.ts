/**
 * Durable messages at the server that stores them: accepted, sent to the server of their recipient, sent
 * again until somebody answers, and settled. Owns when that happens. The mailbox stores them, and
 * `inbound.ts` handles them at the recipient's server.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  MAX_PAYLOAD_BYTES,
  MessageFields,
  messageId,
  MessageKind,
  NIL_UUID,
  OUTBOUND_HEADER_BYTES,
  readServerReceipts,
  type Receipt,
  ReceiptCursor,
  ReceiptState,
  writeOutboundMessage,
} from "@netlab/protocol/codec";
import type { Inbound } from "./inbound.ts";
import type { Context } from "../host.ts";
import { FrameRuns } from "../routing/frame_run.ts";
import { type Connection, MAX_PAUSE_MS } from "../connection.ts";
import type { MailboxEntry, RecipientQueue } from "../mailbox/recipient_queue.ts";
import { holdsName } from "../mesh/directory.ts";
import type { LocalDelivery } from "../routing/local_delivery.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import { MAX_HOPS, type Mesh } from "../mesh/mesh.ts";
import { HERE } from "../message_log.ts";
import type { Receipts } from "./receipts.ts";
import { isConfirmed, refused } from "../receipt.ts";
import { checkSender, PAUSE_BYTES, REFUSE_BYTES } from "../routing/router.ts";
import type { Handoff } from "./handoff.ts";
import type { Route, Topology } from "../mesh/topology.ts";
import type { Users } from "../users/registry.ts";
import { DeferredAccepts } from "./deferred_accepts.ts";

/** Messages for one user that may be under way and not acknowledged. */
const MAX_IN_FLIGHT = 1_000;
/** Their bytes: half of what the recipient's server takes before it refuses. */
const MAX_IN_FLIGHT_BYTES = REFUSE_BYTES / 2;
/** A message that nobody answered for this long is sent again: milliseconds. */
const ANSWER_MS = 10_000;
/** How often it is looked for what to send again, and after a refusal how soon: milliseconds. */
const LOOK_EVERY_MS = 500;
/** What one sender may have sent beyond the limit and not heard of; twice what a client sends. */
const MAX_DEFERRED_BYTES = 4 * 1024 * 1024;

const NOWHERE: readonly string[] = [];

/** The parts of a core that delivery works with. */
export interface OutboundParts {
  /** What is kept. */
  readonly mailbox: Mailbox;
  /** Who is where. */
  readonly users: Users;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** Which way leads to which server. */
  readonly topology: Topology;
  /** The users of this server take messages here. */
  readonly localDelivery: LocalDelivery;
  /** Messages for users of this server who read no frames go here. */
  readonly arrival: Inbound;
  /** What is kept goes to another server when this one is about to leave. */
  readonly handoff: Handoff;
  /** Receipts go out here. */
  readonly receipts: Receipts;
}

/** Delivers what is kept. */
export class Outbound {
  readonly #context: Context;
  readonly #parts: OutboundParts;
  readonly #fields = new MessageFields();
  /** Messages beyond the limit for recipients who are there: their senders wait to hear of them. */
  readonly #deferred = new DeferredAccepts();
  /** Recipients who did not take what waits in the time that senders waited for them. */
  readonly #overdue = new Set<string>();
  /** What waits for recipients whose way was clogged. */
  readonly #clogged = new Set<RecipientQueue>();
  /** Boxes out of which something was taken in this turn. */
  readonly #lighter = new Set<RecipientQueue>();
  readonly #cursor = new ReceiptCursor();
  /** How each server was reached when that was last looked at. */
  #ways: ReadonlyMap<string, Route> = new Map();
  #lookedAt = 0;
  #diskBroken = false;

  /** Delivers what is in the mailbox. */
  constructor(context: Context, parts: OutboundParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * A user of this server sends a message that is to be kept.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} when its sender is not that user,
   *   {@linkcode ErrorCode.Malformed} when it is no message.
   */
  accept(connection: Connection, frame: Frame): void {
    const fields = this.#fields.read(frame.bytes, frame.start, frame.end);
    checkSender(connection, fields);
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
      const reason = `Cannot keep a message of ${bytes} bytes: the limit is ${limit}`;
      return this.#refuse(connection, fields, ErrorCode.TextTooLong, reason);
    }
    const queue = mailbox.queueOf(fields);
    const full = queue !== undefined && mailbox.isFull(queue);
    if (full && !this.#mayWait(connection, queue.name)) {
      const reason = `Cannot keep a message for ${queue.name}: too many wait for them already`;
      return this.#refuse(connection, fields, ErrorCode.MailboxFull, reason);
    }
    const entry = mailbox.add(connection.name, fields, this.#context.now);
    const { messageLog } = this.#context;
    if (messageLog.enabled && !this.#parts.users.locate(entry.recipient)) {
      messageLog.message(fields, "none, stored until the recipient joins");
    }
    // In order: whoever hears of this one has heard of those before.
    if (full || this.#deferred.isFor(entry.recipient)) this.#deferred.add(entry);
  }

  /** Writes down what came in; those whose messages are safe are told, and the messages are sent. */
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
      // Whoever handed it over keeps it.
      if (handoff.failed(id)) continue;
      const reason = `Cannot keep a message for ${recipient}: the server's disk cannot be written`;
      receipts.toUser(sender, refused(id, ErrorCode.StorageFailed, reason));
    }
    this.#tellOfDisk(error);
    for (const queue of queues) this.#send(queue);
  }

  /** Says once that nothing can be written down, and once that it can again: the log may need that disk. */
  #tellOfDisk(error: unknown): void {
    const broken = error !== undefined;
    if (broken === this.#diskBroken) return;
    this.#diskBroken = broken;
    const { logger } = this.#context;
    if (broken) {
      logger.error("cannot write down messages, new ones are refused: {error}", {
        event: "storage.failed",
        error,
      });
    } else logger.info("messages can be written down again", { event: "storage.restored" });
  }

  /** Something changed about where a user is: what they have not acknowledged is sent again, in order. */
  userChanged(name: string): void {
    const queue = this.#parts.mailbox.queue(name);
    if (queue) this.#sendAgain(queue);
    this.#release(name);
  }

  /** Ways changed: what was sent over one that is no more is sent again. */
  routesChanged(): void {
    const { topology, mailbox } = this.#parts;
    const ways = topology.routes();
    const before = this.#ways;
    this.#ways = ways;
    for (const queue of mailbox.queues()) {
      for (const { sentTo } of queue.entries()) {
        if (sentTo === undefined) break;
        if (sentTo === this.#context.id) continue;
        if (ways.get(sentTo) === before.get(sentTo)) continue;
        this.#sendAgain(queue);
        break;
      }
    }
  }

  /** Receipts about kept messages came from another server. */
  serverReceipts(connection: Connection, frame: Frame): void {
    const { to, from, receipts } = readServerReceipts(frame.payload);
    if (to === this.#context.id) return this.#answered(from, receipts);
    const next = this.#parts.mesh.nextHop(to);
    const hops = frame.reserved + 1;
    if (next && next !== connection && hops <= MAX_HOPS) next.out.forward(frame, hops);
  }

  /**
   * A user of this server has taken messages. Their senders hear of those that are kept here; of the
   * others, the servers that keep them.
   */
  acknowledged(connection: Connection, frame: Frame): void {
    const { mailbox, localDelivery, arrival } = this.#parts;
    const cursor = this.#cursor.begin(frame);
    while (cursor.next()) {
      if (cursor.state !== ReceiptState.Delivered) continue;
      if (connection.hasUnacknowledged) arrival.acknowledged(connection, cursor.id);
      const entry = mailbox.inMemory(cursor.id);
      if (entry?.sentTo !== this.#context.id || entry.queue.handedTo !== connection) continue;
      localDelivery.tookOwn(entry);
      this.#delivered(entry, this.#context.id);
    }
  }

  /** The turn ends: what this server itself answered counts, and what follows from that is done. */
  settle(): void {
    const { receipts } = this.#parts;
    for (;;) {
      const own = receipts.takeOwn();
      this.#answered(this.#context.id, own);
      if (this.#lighter.size === 0) break;
      const queues = [...this.#lighter];
      this.#lighter.clear();
      for (const queue of queues) this.#goOn(queue);
    }
  }

  /** Nothing waits on some connection any more. */
  drained(): void {
    if (this.#clogged.size > 0) {
      const clogged = [...this.#clogged];
      this.#clogged.clear();
      for (const queue of clogged) this.#send(queue);
    }
    this.#parts.handoff.resume();
  }

  /** Time has passed: what is too old ends, what nobody answered is sent again. */
  tick(): void {
    const { now } = this.#context;
    const { mailbox, receipts } = this.#parts;
    for (const recipient of this.#deferred.waitingSince(now - MAX_PAUSE_MS)) {
      this.#overdue.add(recipient);
      this.#acceptDeferred(recipient);
    }
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    this.#parts.handoff.tick();
    for (const entry of mailbox.expire(now)) {
      const { id, sender, recipient } = entry;
      this.#deferred.remove(entry);
      receipts.toUser(sender, { id, state: ReceiptState.Expired, code: 0, reason: "" });
      this.#release(recipient);
    }
    for (const queue of mailbox.queues()) {
      const { first: oldest } = queue;
      const late = oldest?.sentTo !== undefined &&
        now - oldest.acceptedAt - oldest.sentAfterMs >= ANSWER_MS;
      if (late) this.#sendAgain(queue);
      else this.#send(queue);
    }
  }

  #sendAgain(queue: RecipientQueue): void {
    queue.wait();
    this.#send(queue);
  }

  /** Sends what waits for a user, in order, as far as it may be under way. */
  #send(queue: RecipientQueue): void {
    if (!queue.hasWaiting) return;
    const { users, mesh, mailbox, handoff } = this.#parts;
    const location = users.locate(queue.name);
    if (!location) {
      // What goes to another server is in memory until that has it.
      if (!handoff.isLeaving) mailbox.spill(queue);
      return;
    }
    const { server } = location;
    const here = server === this.#context.id;
    const connection = here ? users.get(queue.name) : mesh.nextHop(server);
    if (here && connection?.role === "session") return this.#sendOwn(queue, connection);
    // A user of this server without a link is one of a legacy server.
    if (!connection && !here) {
      this.#clogged.add(queue);
      return;
    }
    const others = holdsName(location.user)
      ? NOWHERE
      : this.#otherServersListing(queue.name, server);
    for (let entry = this.#next(queue, connection); entry; entry = this.#next(queue, connection)) {
      const previous = queue.lastSentId;
      queue.sent(entry, server, this.#context.now);
      if (!here || users.get(queue.name)) this.#log(entry, here ? HERE : connection!.address);
      if (here) this.#sendText(entry);
      else this.#sendAway(entry, previous, server, connection!);
      // The first that has given it to a legacy server ends the wait; what the others say changes nothing.
      for (const other of others) this.#sendCopy(entry, other);
    }
  }

  /** The other servers that speak for a legacy user: each knows a legacy server that lists the name. */
  #otherServersListing(name: string, server: string): string[] {
    return [...this.#parts.users.serversListing(name)].filter((place) => place !== server);
  }

  #sendCopy(entry: MailboxEntry, server: string): void {
    const connection = this.#parts.mesh.nextHop(server);
    if (!connection || connection.out.length > PAUSE_BYTES) return;
    this.#log(entry, connection.address);
    this.#sendAway(entry, NIL_UUID, server, connection);
  }

  /** Hands what waits to a user of this server who reads frames; many of them in one piece. */
  #sendOwn(queue: RecipientQueue, connection: Connection): void {
    const { localDelivery } = this.#parts;
    const { now, id } = this.#context;
    const run = new FrameRuns(connection.out);
    queue.handedTo = connection;
    for (let entry = this.#next(queue, connection); entry; entry = this.#next(queue, connection)) {
      queue.sent(entry, id, now);
      this.#log(entry, HERE);
      if (!localDelivery.own(connection, entry, run)) {
        this.#settled(entry, localDelivery.receiptFor(entry.id), id);
      }
    }
    run.flush();
  }

  /** The first of those that wait, if there is one and it may be sent now. */
  #next(queue: RecipientQueue, connection: Connection | undefined): MailboxEntry | undefined {
    const full = queue.inFlight >= MAX_IN_FLIGHT || queue.inFlightBytes >= MAX_IN_FLIGHT_BYTES;
    if (full || !queue.hasWaiting) return;
    if (!connection || connection.out.length <= PAUSE_BYTES) return this.#parts.mailbox.next(queue);
    this.#clogged.add(queue);
  }

  #log({ message }: MailboxEntry, nextHop: string): void {
    const { messageLog } = this.#context;
    if (!messageLog.enabled) return;
    messageLog.message(this.#fields.read(message, 0, message.length), nextHop);
  }

  /** Hands a message to a user of this server, or of a legacy one, who reads text. */
  #sendText({ id, recipient, message }: MailboxEntry): void {
    const fields = this.#fields.read(message, 0, message.length);
    const origin = this.#context.id;
    this.#parts.arrival.deliver({ id, recipient, fields, previous: NIL_UUID, origin });
  }

  #sendAway(
    { message }: MailboxEntry,
    previous: string,
    destination: string,
    connection: Connection,
  ): void {
    const kept = { origin: this.#context.id, destination, previous, message };
    writeOutboundMessage(connection.out, kept, MessageKind.Outbound, 1);
  }

  #refuse({ name }: Connection, fields: MessageFields, code: number, reason: string): void {
    this.#parts.receipts.toUser(name, refused(messageId(fields), code, reason));
  }

  /** Whether a sender may go on although as much is kept for a recipient as may be. */
  #mayWait(connection: Connection, recipient: string): boolean {
    return this.#parts.users.locate(recipient) !== undefined && !this.#overdue.has(recipient) &&
      this.#deferred.bytesOf(connection.name) <= MAX_DEFERRED_BYTES;
  }

  /** A server says what became of messages that this one keeps. */
  #answered(from: string, answers: readonly Receipt[]): void {
    const { mailbox, handoff } = this.#parts;
    for (const receipt of answers) {
      const { id, state } = receipt;
      const entry = mailbox.get(id);
      if (!entry) continue;
      if (state === ReceiptState.Delivered) {
        this.#settled(entry, receipt, from);
      } else if (state === ReceiptState.Accepted) {
        // The server that it was handed over to keeps it now, and tells the sender how it ends.
        this.#deferred.remove(entry);
        mailbox.remove(entry);
        handoff.accepted(entry.queue);
      } else {
        handoff.refused(entry);
        // Refused where it was sent: whatever else is under way there has to stay behind it. The next
        // look, or the news of where the recipient is now, sends all of it again.
        if (entry.sentTo === from) entry.queue.wait();
      }
    }
  }

  /** The story of a message has ended well, at the server `at`: confirmed, or sent and no more. */
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
    // That it arrived here is remembered anyway, as long as this server runs.
    if (at === this.#context.id && !mailbox.durable) mailbox.remove(entry);
    else mailbox.delivered(entry);
    receipts.toSender(entry, ReceiptState.Delivered);
    this.#lighter.add(entry.queue);
  }

  /** Some of what was kept for a user has gone: those who wait for that go on, and so does what waits. */
  #goOn(queue: RecipientQueue): void {
    this.#release(queue.name);
    this.#send(queue);
  }

  /** Ends the wait for a recipient: there is room again, or the recipient has left. */
  #release(recipient: string): void {
    const { mailbox, users } = this.#parts;
    if (!this.#deferred.isFor(recipient) && !this.#overdue.has(recipient)) return;
    const queue = mailbox.queue(recipient);
    if (queue && users.locate(recipient) && !mailbox.isHalfEmpty(queue)) return;
    this.#overdue.delete(recipient);
    this.#acceptDeferred(recipient);
  }

  #acceptDeferred(recipient: string): void {
    for (const entry of this.#deferred.take(recipient)) {
      if (entry.kept && entry.safe) this.#parts.receipts.toSender(entry, ReceiptState.Accepted);
    }
  }
}
