/**
 * All that a server keeps, given to another one because it is about to leave; and the same from the
 * other side. Owns which server it goes to and what is on its way there; knows nothing of users.
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
import { PAUSE_BYTES } from "../routing/router.ts";
import type { Topology } from "../mesh/topology.ts";

/** A message that was handed over and not heard of for this long is handed over again: milliseconds. */
const ANSWER_MS = 10_000;

/** The parts of a core that a handoff works with. */
export interface HandoffParts {
  /** What is kept. */
  readonly mailbox: Mailbox;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** Which way leads to which server. */
  readonly topology: Topology;
  /** Answers go out here. */
  readonly receipts: Receipts;
}

/** A message that is to go to the successor. */
interface Leaving {
  readonly entry: MailboxEntry;
  /** The id of the one before it for the same recipient; nil for the first. */
  readonly previous: string;
}

/** Gives what is kept to another server, and takes what another one gives. */
export class Handoff {
  readonly #context: Context;
  readonly #parts: HandoffParts;
  /** Messages that other servers handed over and that are not safe yet, and which server. */
  readonly #taken = new Map<string, string>();
  /** By server that leaves, the last message taken from it for each recipient. */
  readonly #lastTaken = new Map<string, Map<string, string>>();
  #isLeaving = false;
  /** The server that is to keep what this one kept. */
  #successor: string | undefined;
  #leaving: Leaving[] = [];
  /** When each was handed over and not heard of since: milliseconds. */
  #sentAt = new WeakMap<MailboxEntry, number>();

  /** Nobody leaves yet. */
  constructor(context: Context, parts: HandoffParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Whether what is kept goes to another server. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /**
   * Gives all that is kept here to the nearest server, which keeps it from then on, and what still
   * comes in as well; what it has safe is kept here no more.
   */
  begin(): void {
    this.#isLeaving = true;
    this.tick();
  }

  /** Time has passed: what was not handed over yet, or not heard of for too long, is. */
  tick(): void {
    for (const server of this.#lastTaken.keys()) {
      if (!this.#parts.topology.reaches(server)) this.#lastTaken.delete(server);
    }
    if (!this.#isLeaving) return;
    this.#choose();
    if (this.#leaving.length === 0) this.#gather();
    this.resume();
  }

  /** Hands over as much as the link takes for now. */
  resume(): void {
    const successor = this.#successor;
    const out = successor === undefined ? undefined : this.#parts.mesh.nextHop(successor)?.out;
    while (out && this.#leaving.length > 0 && out.length <= PAUSE_BYTES) {
      const { entry, previous } = this.#leaving.shift()!;
      this.#sentAt.set(entry, this.#context.now);
      const { message } = entry;
      const kept = { origin: this.#context.id, destination: successor!, previous, message };
      writeOutboundMessage(out, kept, MessageKind.HandedOff, 1);
    }
  }

  /** The successor has a message safe: when it was the last in memory of its queue, others are read back. */
  accepted(queue: RecipientQueue): void {
    if (!this.#isLeaving || queue.first || !queue.hasWaiting) return;
    this.#gatherFrom(queue);
    this.resume();
  }

  /** The successor did not take a message: it is handed over again, and those behind it. */
  refused(entry: MailboxEntry): void {
    if (!this.#isLeaving) return;
    this.#leaving = [];
    for (const other of entry.queue.entries()) {
      this.#sentAt.delete(other);
    }
  }

  /** Keeps a message from now on that `origin` kept, behind the one with the id `previous`. */
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
    // It came a second time before it was safe.
    if (mailbox.has(id)) return;
    const sender = readName(fields.bytes, fields.sender, fields.senderEnd);
    mailbox.add(sender, fields, this.#context.now);
  }

  /** A message is safe here: the server that handed it over, if one did, is told. */
  committed(entry: MailboxEntry): void {
    if (this.#taken.size === 0) return;
    const { id } = entry;
    const origin = this.#taken.get(id);
    if (origin === undefined) return;
    this.#taken.delete(id);
    this.#parts.receipts.toServer(origin, accepted(id));
  }

  /** A message could not be written down. Returns whether another server still keeps it. */
  failed(id: string): boolean {
    // Those behind it are not to be taken before it comes again.
    this.#lastTaken.clear();
    return this.#taken.delete(id);
  }

  /** The nearest server that is within reach; another one than before has heard of nothing. */
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

  /** What is in memory; when that is nothing, some of what is not. */
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
