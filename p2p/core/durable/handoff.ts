/**
 * The handoff of stored messages: a server that is about to leave hands its messages off to its
 * successor. Owns both sides: which server is the successor, which messages are in flight to it, and
 * which messages are taken from others. Knows nothing about users.
 *
 * @module
 */
import {
  ErrorCode,
  type MessageFields,
  messageId,
  MessageKind,
  NIL_UUID,
  readName,
  writeOutboundMessage,
} from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import type { MailboxEntry, RecipientQueue } from "../mailbox/recipient_queue.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import { LIMITS } from "../limits.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";
import type { Receipts } from "./receipts.ts";
import { accepted, refused } from "../receipt.ts";
import { PAUSE_BYTES } from "../connection/back_pressure.ts";
import { refusedBeyond } from "./remarks.ts";
import type { Topology } from "../mesh/topology/topology.ts";

/** How long the successor may answer nothing before messages are sent again: milliseconds. */
const ANSWER_MS = 10_000;

/** The components that a {@linkcode Handoff} uses. */
export interface HandoffParts {
  /** The stored messages. */
  readonly mailbox: Mailbox;
  /** How this server reaches the others. */
  readonly mesh: ServerNetwork;
  /** The routes to other servers. */
  readonly topology: Topology;
  /** Sends receipts to other servers. */
  readonly receipts: Receipts;
}

/** A message to send to the successor. */
interface Leaving {
  readonly entry: MailboxEntry;
  /** The id of the previous message for the same recipient; nil for the first. */
  readonly previous: string;
}

/** Hands off the stored messages of a server and takes those of others. */
export class Handoff {
  readonly #context: Context;
  readonly #parts: HandoffParts;
  /**
   * Messages from other servers that are not safe here yet: message id to the id of the server that
   * handed it off.
   */
  readonly #taken = new Map<string, string>();
  /** The id of the last message taken, by leaving server and recipient. */
  readonly #lastTaken = new Map<string, Map<string, string>>();
  #isLeaving = false;
  /** The id of the successor. */
  #successor: string | undefined;
  /** The ids of servers that cannot store more now. */
  readonly #full = new Set<string>();
  #hasLoggedFull = false;
  /** The messages to send next. Queues are read one by one, so that not all of them are in memory. */
  #leaving: Generator<Leaving, void> | undefined;
  /** Queues of which more messages were read back. */
  readonly #more = new Set<RecipientQueue>();
  /** When each message was sent to the successor: milliseconds since 1970. */
  #sentAt = new WeakMap<MailboxEntry, number>();
  /** When the successor last stored a message: milliseconds since 1970. */
  #acceptedAt = -Infinity;

  /** Creates a handoff that has not begun. */
  constructor(context: Context, parts: HandoffParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Whether this server is handing its messages off. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Returns whether a server, by its id, takes the messages of this one. */
  isSuccessor(server: string): boolean {
    return this.#isLeaving && this.#successor === server;
  }

  /**
   * Hands off all stored messages, and those that still arrive, to the nearest server. A message is
   * removed here once the successor has stored it.
   */
  begin(): void {
    this.#isLeaving = true;
    this.tick();
  }

  /** Sends messages that were not sent yet, or not answered in time. */
  tick(): void {
    for (const server of this.#lastTaken.keys()) {
      if (!this.#parts.topology.reaches(server)) this.#lastTaken.delete(server);
    }
    if (!this.#isLeaving) return;
    this.#choose();
    this.#leaving ??= this.#all();
    this.resume();
  }

  /** Sends as many messages as the link takes now. */
  resume(): void {
    const successor = this.#successor;
    const out = successor === undefined ? undefined : this.#parts.mesh.nextHop(successor)?.out;
    while (out && out.length <= PAUSE_BYTES) {
      const next = this.#leaving?.next();
      // After the last one, the next tick begins again with those that were not answered in time.
      if (!next || next.done) return void (this.#leaving = undefined);
      const { entry, previous } = next.value;
      this.#sentAt.set(entry, this.#context.now);
      const { message } = entry;
      const outbound = { origin: this.#context.id, destination: successor!, previous, message };
      writeOutboundMessage(out, outbound, MessageKind.HandedOff, 1);
    }
  }

  /**
   * Continues after the successor has stored a message. If it was the last message of its queue in
   * memory, spilled ones are read back.
   */
  accepted(queue: RecipientQueue): void {
    this.#acceptedAt = this.#context.now;
    if (!this.#isLeaving || queue.first || !queue.hasWaiting) return;
    this.#more.add(queue);
    this.#leaving ??= this.#rest();
    this.resume();
  }

  /**
   * Sends a message again that the successor refused, and all messages after it. If the successor cannot
   * store more, another server becomes the successor.
   *
   * @param from The id of the server that refused it.
   * @param code Why: a code of `ErrorCode`.
   */
  refused(entry: MailboxEntry, from: string, code: number): void {
    if (!this.#isLeaving) return;
    if (code === ErrorCode.StorageFull && from === this.#successor) this.#full.add(from);
    this.#leaving = undefined;
    for (const other of entry.queue.entries()) this.#sentAt.delete(other);
  }

  /**
   * Takes a message that another server hands off.
   *
   * @param previous The id of the message that must be here before this one; nil for none.
   * @param origin The id of the server that hands it off.
   */
  take(fields: MessageFields, previous: string, origin: string): void {
    const { mailbox, receipts } = this.#parts;
    const id = messageId(fields);
    if (mailbox.messages.hasSafe(id)) return receipts.toServer(origin, accepted(id));
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const last = this.#lastOf(origin);
    if (
      previous !== NIL_UUID && last.get(recipient) !== previous && !mailbox.messages.has(previous)
    ) {
      const reason = "one before it has to come first";
      return receipts.toServer(origin, refused(id, ErrorCode.RecipientBusy, reason));
    }
    const excess = mailbox.usage.excessOfAll(fields.end - fields.id);
    if (excess && !mailbox.messages.has(id)) {
      return receipts.toServer(origin, refusedBeyond(excess, id, recipient));
    }
    last.set(recipient, id);
    this.#taken.set(id, origin);
    // It arrived again before it was safe.
    if (mailbox.messages.has(id)) return;
    const sender = readName(fields.bytes, fields.sender, fields.senderEnd);
    mailbox.add(sender, fields, this.#context.now);
    this.#context.counters.messagesStored++;
  }

  /** Returns whether a message from a server that hands it off is not safe here yet. */
  isTaking({ id }: MailboxEntry): boolean {
    return this.#taken.has(id);
  }

  /**
   * Sends a receipt for a message that is safe here to the server that handed it off, if there is one.
   */
  committed(entry: MailboxEntry): void {
    if (this.#taken.size === 0) return;
    const { id } = entry;
    const origin = this.#taken.get(id);
    if (origin === undefined) return;
    this.#taken.delete(id);
    this.#parts.receipts.toServer(origin, accepted(id));
  }

  /** Forgets a message that could not be stored. Returns whether another server still stores it. */
  failed(id: string): boolean {
    // Later messages must not be taken before this one arrives again.
    this.#lastTaken.clear();
    return this.#taken.delete(id);
  }

  /**
   * Chooses the nearest server that can store more as the successor, unless the current one is such a
   * server. A new successor gets all messages.
   */
  #choose(): void {
    const { topology } = this.#parts;
    const current = this.#successor;
    if (current !== undefined && topology.reaches(current) && !this.#full.has(current)) return;
    const nearest = [...topology.routes()].sort(([, a], [, b]) => a.cost - b.cost);
    this.#successor = nearest.find(([server]) => !this.#full.has(server))?.[0];
    this.#leaving = undefined;
    this.#sentAt = new WeakMap();
    if (this.#successor === undefined && this.#full.size > 0) this.#allFull();
  }

  /** No server can store more. Each is tried again at the next tick. */
  #allFull(): void {
    this.#full.clear();
    if (this.#hasLoggedFull) return;
    this.#hasLoggedFull = true;
    const count = this.#parts.mailbox.usage.messages;
    this.#context.logger.warn(
      "the other servers store as much as they may; messages that are not handed off yet: {count}",
      { event: "handoff.full", count },
    );
  }

  /** All messages that were not sent, or not answered in time. */
  *#all(): Generator<Leaving, void> {
    for (const queue of this.#parts.mailbox.queues) yield* this.#of(queue);
    yield* this.#rest();
  }

  /** The messages of the queues of which more must be read back. */
  *#rest(): Generator<Leaving, void> {
    for (const queue of this.#more) {
      this.#more.delete(queue);
      yield* this.#of(queue);
    }
  }

  /** The messages of a queue in memory. If there are none, reads some spilled ones back. */
  *#of(queue: RecipientQueue): Generator<Leaving, void> {
    if (!queue.first) this.#parts.mailbox.next(queue);
    let previous = NIL_UUID;
    for (let entry = queue.first, next; entry; entry = next) {
      const sentAt = this.#sentAt.get(entry);
      // The message may be settled before the next one is needed.
      next = entry.next;
      const leaving = { entry, previous };
      // On a slow link, each message waits for those before it.
      const due = sentAt === undefined ||
        this.#context.now - Math.max(sentAt, this.#acceptedAt) >= ANSWER_MS;
      previous = entry.id;
      if (due) yield leaving;
    }
  }

  #lastOf(origin: string): Map<string, string> {
    let last = this.#lastTaken.get(origin);
    if (!last) this.#lastTaken.set(origin, last = new Map());
    // Without it, a message is taken only if the one before it is still here. Otherwise all come again.
    if (last.size >= LIMITS.maxRecipients.default) last.clear();
    return last;
  }
}
