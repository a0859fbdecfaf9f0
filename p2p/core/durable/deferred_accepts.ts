/**
 * Accepted receipts that are held back: the message is stored, but its recipient is there and does not
 * keep up. A client has only so many messages in flight, so this slows the sender down; its connection is
 * still read, because acknowledgements come over it. Owns which receipts are held back, and how long.
 *
 * @module
 */
import { IdTable } from "../dedup/id_table.ts";
import type { MailboxEntry } from "../mailbox/recipient_queue.ts";
import { MAX_PAUSE_MS } from "../back_pressure.ts";

/** How much one sender may have sent beyond the limit of a mailbox: bytes. Twice what a client has in flight. */
const MAX_DEFERRED_BYTES = 4 * 1024 * 1024;
/** How many stale entries a list may have before it is tidied. */
const MAX_STALE = 100;

/** The messages for one recipient whose receipts are held back. */
class Deferred {
  /** By id: there may be another copy of a message in memory later. */
  readonly byId = new IdTable<MailboxEntry>();
  /** In the order in which they came. Some may have been taken out of `byId` since. */
  inOrder: MailboxEntry[] = [];

  /** Removes stale entries, when there are many. */
  tidy(): void {
    if (this.inOrder.length > 2 * this.byId.size + MAX_STALE) this.inOrder = [...this.entries()];
  }

  /** The messages, in order. */
  *entries(): Iterable<MailboxEntry> {
    for (const entry of this.inOrder) if (this.byId.has(entry)) yield entry;
  }
}

/** The accepted receipts that one server holds back. */
export class DeferredAccepts {
  readonly #recipients = new Map<string, Deferred>();
  /** Bytes of these messages, by sender. */
  readonly #bytes = new Map<string, number>();
  /** Recipients that did not catch up while receipts were held back for as long as they may be. */
  readonly #overdue = new Set<string>();

  /** Whether receipts for messages to that user are held back. */
  isFor(recipient: string): boolean {
    return this.#recipients.size > 0 && this.#recipients.has(recipient);
  }

  /** Whether that user has to catch up before senders may go on. */
  isWaitingFor(recipient: string): boolean {
    return this.isFor(recipient) || this.#overdue.has(recipient);
  }

  /** Whether one more message from that sender may be taken although the recipient's mailbox is full. */
  mayAdd(sender: string, recipient: string): boolean {
    return !this.#overdue.has(recipient) && this.#bytesOf(sender) <= MAX_DEFERRED_BYTES;
  }

  /** Whether the receipt for a message is held back. */
  has(entry: MailboxEntry): boolean {
    return this.#recipients.size > 0 &&
      (this.#recipients.get(entry.recipient)?.byId.has(entry) ?? false);
  }

  /** Holds the receipt for a message back. */
  add(entry: MailboxEntry): void {
    const { recipient, sender, size } = entry;
    let deferred = this.#recipients.get(recipient);
    if (!deferred) this.#recipients.set(recipient, deferred = new Deferred());
    deferred.byId.add(entry);
    deferred.inOrder.push(entry);
    this.#bytes.set(sender, this.#bytesOf(sender) + size);
  }

  /** The receipt for a message is not held back any more. */
  remove(entry: MailboxEntry): void {
    if (this.#recipients.size === 0) return;
    const { recipient, sender, size } = entry;
    const deferred = this.#recipients.get(recipient);
    if (!deferred?.byId.delete(entry)) return;
    if (deferred.byId.size === 0) this.#recipients.delete(recipient);
    else deferred.tidy();
    const bytes = this.#bytesOf(sender) - size;
    if (bytes > 0) this.#bytes.set(sender, bytes);
    else this.#bytes.delete(sender);
  }

  /** A user has caught up, or has left. Returns the messages whose receipts may go out, in order. */
  release(recipient: string): MailboxEntry[] {
    this.#overdue.delete(recipient);
    return this.#take(recipient);
  }

  /**
   * Time has passed: releases the messages for recipients that did not catch up in
   * {@linkcode MAX_PAUSE_MS}. More messages for them are refused then.
   *
   * @param now Milliseconds since 1970.
   */
  expire(now: number): MailboxEntry[] {
    const expired: MailboxEntry[] = [];
    for (const [recipient, deferred] of this.#recipients) {
      const [oldest] = deferred.entries();
      if (oldest!.acceptedAt > now - MAX_PAUSE_MS) continue;
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
