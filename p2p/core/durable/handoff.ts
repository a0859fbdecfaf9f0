/**
 * The handoff of stored messages: a server that is about to leave gives them to another one, its
 * successor. Owns both sides of it: which server is the successor, what is in flight to it, and what is
 * taken from others. Knows nothing of users.
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
import type { Mesh } from "../mesh/mesh.ts";
import type { Receipts } from "./receipts.ts";
import { accepted, refused } from "../receipt.ts";
import { PAUSE_BYTES } from "../back_pressure.ts";
import type { Topology } from "../mesh/topology.ts";

/** A message that the successor did not answer for this long is sent again: milliseconds. */
const ANSWER_MS = 10_000;

/** What a {@linkcode Handoff} works with. */
export interface HandoffParts {
  /** The stored messages. */
  readonly mailbox: Mailbox;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** The routes to other servers. */
  readonly topology: Topology;
  /** Takes the receipts for other servers. */
  readonly receipts: Receipts;
}

/** A message for the successor. */
interface Leaving {
  readonly entry: MailboxEntry;
  /** The id of the message before it for the same recipient; nil for the first. */
  readonly previous: string;
}

/** Hands the stored messages of a server off, and takes those of others. */
export class Handoff {
  readonly #context: Context;
  readonly #parts: HandoffParts;
  /** Messages of other servers that are not safe here yet: by id, the server that handed them off. */
  readonly #taken = new Map<string, string>();
  /** By leaving server and recipient, the last message taken. */
  readonly #lastTaken = new Map<string, Map<string, string>>();
  #isLeaving = false;
  /** The id of the server that takes the messages. */
  #successor: string | undefined;
  #leaving: Leaving[] = [];
  /** When each message was sent to the successor: milliseconds since 1970. */
  #sentAt = new WeakMap<MailboxEntry, number>();

  /** No server leaves yet. */
  constructor(context: Context, parts: HandoffParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Whether this server hands its messages off. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /**
   * Hands all stored messages off to the nearest server, and those that still come in. A message is
   * removed here when the successor has stored it.
   */
  begin(): void {
    this.#isLeaving = true;
    this.tick();
  }

  /** Time has passed: messages that were not sent yet, or not answered for too long, are sent. */
  tick(): void {
    for (const server of this.#lastTaken.keys()) {
      if (!this.#parts.topology.reaches(server)) this.#lastTaken.delete(server);
    }
    if (!this.#isLeaving) return;
    this.#choose();
    if (this.#leaving.length === 0) this.#gather();
    this.resume();
  }

  /** Sends as much as the link takes for now. */
  resume(): void {
    const successor = this.#successor;
    const out = successor === undefined ? undefined : this.#parts.mesh.nextHop(successor)?.out;
    while (out && this.#leaving.length > 0 && out.length <= PAUSE_BYTES) {
      const { entry, previous } = this.#leaving.shift()!;
      this.#sentAt.set(entry, this.#context.now);
      const { message } = entry;
      const outbound = { origin: this.#context.id, destination: successor!, previous, message };
      writeOutboundMessage(out, outbound, MessageKind.HandedOff, 1);
    }
  }

  /** The successor has stored a message. When it was the last in memory of its queue, others are read back. */
  accepted(queue: RecipientQueue): void {
    if (!this.#isLeaving || queue.first || !queue.hasWaiting) return;
    this.#gatherFrom(queue);
    this.resume();
  }

  /** The successor refused a message: it is sent again, and so are those after it. */
  refused(entry: MailboxEntry): void {
    if (!this.#isLeaving) return;
    this.#leaving = [];
    for (const other of entry.queue.entries()) {
      this.#sentAt.delete(other);
    }
  }

  /**
   * Takes a message that the server `origin` hands off.
   *
   * @param previous The id of the message that has to be here before it; nil for none.
   */
  take(fields: MessageFields, previous: string, origin: string): void {
    const { mailbox, receipts } = this.#parts;
    const id = messageId(fields);
    if (mailbox.hasSafe(id)) return receipts.toServer(origin, accepted(id));
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const last = this.#lastOf(origin);
    if (previous !== NIL_UUID && last.get(recipient) !== previous && !mailbox.has(previous)) {
      const reason = "one before it has to come first";
      return receipts.toServer(origin, refused(id, ErrorCode.RecipientBusy, reason));
    }
    last.set(recipient, id);
    this.#taken.set(id, origin);
    // It has come a second time before it was safe.
    if (mailbox.has(id)) return;
    const sender = readName(fields.bytes, fields.sender, fields.senderEnd);
    mailbox.add(sender, fields, this.#context.now);
  }

  /** A message is safe here: if another server handed it off, that server is told. */
  committed(entry: MailboxEntry): void {
    if (this.#taken.size === 0) return;
    const { id } = entry;
    const origin = this.#taken.get(id);
    if (origin === undefined) return;
    this.#taken.delete(id);
    this.#parts.receipts.toServer(origin, accepted(id));
  }

  /** A message could not be written down. Returns whether another server still stores it. */
  failed(id: string): boolean {
    // The messages after it must not be taken before it comes again.
    this.#lastTaken.clear();
    return this.#taken.delete(id);
  }

  /** Chooses the nearest server, unless the successor is still within reach. A new one has no messages yet. */
  #choose(): void {
    const { topology } = this.#parts;
    if (this.#successor !== undefined && topology.reaches(this.#successor)) return;
    const [nearest] = [...topology.routes()].sort(([, a], [, b]) => a.cost - b.cost);
    this.#successor = nearest?.[0];
    this.#leaving = [];
    this.#sentAt = new WeakMap();
  }

  #gather(): void {
    for (const queue of this.#parts.mailbox.queues()) this.#gatherFrom(queue);
  }

  /** Gathers the messages in memory. When there are none, some spilled ones are read back. */
  #gatherFrom(queue: RecipientQueue): void {
    if (!queue.first) this.#parts.mailbox.next(queue);
    let previous = NIL_UUID;
    for (const entry of queue.entries()) {
      const sentAt = this.#sentAt.get(entry) ?? -Infinity;
      if (this.#context.now - sentAt >= ANSWER_MS) this.#leaving.push({ entry, previous });
      previous = entry.id;
    }
  }

  #lastOf(origin: string): Map<string, string> {
    let last = this.#lastTaken.get(origin);
    if (!last) this.#lastTaken.set(origin, last = new Map());
    return last;
  }
}
