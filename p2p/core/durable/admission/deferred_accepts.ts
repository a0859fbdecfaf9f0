/**
 * Deferred accepted receipts: the message is stored, but its recipient is connected and does not keep up.
 * A client has a limited number of messages in flight, so deferring receipts slows the sender down. Its
 * connection is still read, because it also carries acknowledgements. Owns which receipts are deferred
 * and for how long. Does not know how messages are sent.
 *
 * @module
 */
import { IdTable } from "../../dedup/tables/id_table.ts";
import type { NameFactors } from "../../dedup/tables/name_table.ts";
import type { MailboxEntry } from "../../mailbox/recipient_queue.ts";

/**
 * A recipient who has not acknowledged any message for this long does not catch up: milliseconds. On a slow
 * link, one long message takes seconds.
 */
const STUCK_MS = 10_000;
/**
 * The most data that one sender may have deferred beyond the limit of a mailbox: bytes. It is twice what
 * a client has in flight.
 */
const MAX_DEFERRED_BYTES = 4 * 1024 * 1024;
/** The number of stale entries above which a list is compacted. */
const MAX_STALE = 100;

/** The messages for one recipient whose receipts are deferred. */
class Deferred {
  /** By id, because another copy of a message may be in memory later. */
  readonly byId: IdTable<MailboxEntry>;
  /** In order of arrival. Entries may be stale: removed from `byId` since. */
  inOrder: MailboxEntry[] = [];
  /** When the recipient last acknowledged a message: milliseconds since 1970. */
  advancedAt = 0;

  constructor(factors: NameFactors) {
    this.byId = new IdTable(factors);
  }

  /** Removes stale entries if there are many. */
  compact(): void {
    if (this.inOrder.length > 2 * this.byId.size + MAX_STALE) this.inOrder = [...this.entries()];
  }

  /** Returns the messages in order. */
  *entries(): Iterable<MailboxEntry> {
    for (const entry of this.inOrder) if (this.byId.has(entry)) yield entry;
  }
}

/** The deferred receipts of one server. */
export class DeferredAccepts {
  readonly #factors: NameFactors;
  readonly #recipients = new Map<string, Deferred>();
  /** The size of the deferred messages by sender: bytes. */
  readonly #bytes = new Map<string, number>();
  /** Recipients that were stuck for {@linkcode STUCK_MS}. */
  readonly #overdue = new Set<string>();

  /**
   * Defers nothing yet.
   *
   * @param factors The hash factors for {@linkcode IdTable}: senders choose the ids.
   */
  constructor(factors: NameFactors) {
    this.#factors = factors;
  }

  /** Returns whether receipts for messages to a user are deferred. */
  isFor(recipient: string): boolean {
    return this.#recipients.size > 0 && this.#recipients.has(recipient);
  }

  /** Returns whether a user must catch up before senders may continue. */
  isWaitingFor(recipient: string): boolean {
    return this.isFor(recipient) || this.#overdue.has(recipient);
  }

  /**
   * Returns whether one more message from a sender may be accepted although the recipient's mailbox is
   * full.
   */
  mayAdd(sender: string, recipient: string): boolean {
    return !this.#overdue.has(recipient) && this.#bytesOf(sender) <= MAX_DEFERRED_BYTES;
  }

  /** Returns whether the receipt for a message is deferred. */
  has(entry: MailboxEntry): boolean {
    return this.#recipients.size > 0 &&
      (this.#recipients.get(entry.recipient)?.byId.has(entry) ?? false);
  }

  /** Defers the receipt for a message. */
  add(entry: MailboxEntry): void {
    const { recipient, sender, size } = entry;
    let deferred = this.#recipients.get(recipient);
    if (!deferred) this.#recipients.set(recipient, deferred = new Deferred(this.#factors));
    deferred.byId.add(entry);
    deferred.inOrder.push(entry);
    this.#bytes.set(sender, this.#bytesOf(sender) + size);
  }

  /** Removes a message from the deferred ones. */
  remove(entry: MailboxEntry): void {
    if (this.#recipients.size === 0) return;
    const { recipient, sender, size } = entry;
    const deferred = this.#recipients.get(recipient);
    if (!deferred?.byId.delete(entry)) return;
    if (deferred.byId.size === 0) this.#recipients.delete(recipient);
    else deferred.compact();
    const bytes = this.#bytesOf(sender) - size;
    if (bytes > 0) this.#bytes.set(sender, bytes);
    else this.#bytes.delete(sender);
  }

  /**
   * Releases the messages for a recipient who has caught up or has left.
   *
   * @returns The messages whose receipts may now be sent, in order.
   */
  release(recipient: string): MailboxEntry[] {
    this.#overdue.delete(recipient);
    return this.#take(recipient);
  }

  /**
   * Records that a recipient has acknowledged messages.
   *
   * @param now The current time: milliseconds since 1970.
   */
  advanced(recipient: string, now: number): void {
    const deferred = this.#recipients.get(recipient);
    if (deferred) deferred.advancedAt = now;
  }

  /**
   * Releases the messages for recipients that are stuck. More messages for them are then refused.
   *
   * @param now The current time: milliseconds since 1970.
   * @returns The messages whose receipts may now be sent, in order for each recipient.
   */
  expire(now: number): MailboxEntry[] {
    const expired: MailboxEntry[] = [];
    for (const [recipient, deferred] of this.#recipients) {
      const [oldest] = deferred.entries();
      if (Math.max(oldest!.acceptedAt, deferred.advancedAt) > now - STUCK_MS) continue;
      this.#overdue.add(recipient);
      expired.push(...this.#take(recipient));
    }
    return expired;
  }

  #bytesOf(sender: string): number {
    return this.#bytes.get(sender) ?? 0;
  }

  #take(recipient: string): MailboxEntry[] {
    const entries = [...this.#recipients.get(recipient)?.entries() ?? []];
    for (const entry of entries) this.remove(entry);
    return entries;
  }
}
