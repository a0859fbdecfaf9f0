/**
 * Messages that are safe and whose senders are not told so yet: their recipients are there and do not
 * keep up. A client sends only so much that it has not heard of, so that this slows it down; its
 * connection is read on, since what it acknowledges comes the same way. Owns which ones these are.
 *
 * @module
 */
import type { MailboxEntry } from "../mailbox/recipient_queue.ts";
import { IdTable } from "../dedup/id_table.ts";

/** Those that are deferred for one user. */
class Waiting {
  /** By id: there may be another copy of a message in memory later. */
  readonly byId = new IdTable<MailboxEntry>();
  /** In the order in which they came, with some that are deferred no more. */
  inOrder: MailboxEntry[] = [];

  /** Takes those that are deferred no more out of the order, when they are many. */
  tidy(): void {
    if (this.inOrder.length > 2 * this.byId.size + FEW) this.inOrder = [...this.entries()];
  }

  /** Those that are deferred, in order. */
  *entries(): Iterable<MailboxEntry> {
    for (const entry of this.inOrder) if (this.byId.has(entry)) yield entry;
  }
}

/** So many are not worth being tidied up. */
const FEW = 100;

/** The messages of one server whose senders are told later. */
export class DeferredAccepts {
  /** By recipient. */
  readonly #recipients = new Map<string, Waiting>();
  readonly #bytes = new Map<string, number>();

  /** Whether senders wait to hear of messages for that user. */
  isFor(recipient: string): boolean {
    return this.#recipients.size > 0 && this.#recipients.has(recipient);
  }

  /** How many bytes a user has sent and not heard of. */
  bytesOf(sender: string): number {
    return this.#bytes.get(sender) ?? 0;
  }

  /** Whether its sender is to be told of a message later. */
  has(entry: MailboxEntry): boolean {
    return this.#recipients.size > 0 &&
      (this.#recipients.get(entry.recipient)?.byId.has(entry) ?? false);
  }

  /** Its sender is to be told of a message later. */
  add(entry: MailboxEntry): void {
    const { recipient, sender, size } = entry;
    let waiting = this.#recipients.get(recipient);
    if (!waiting) this.#recipients.set(recipient, waiting = new Waiting());
    waiting.byId.add(entry);
    waiting.inOrder.push(entry);
    this.#bytes.set(sender, this.bytesOf(sender) + size);
  }

  /** Its sender needs not be told of a message any more. */
  remove(entry: MailboxEntry): void {
    if (this.#recipients.size === 0) return;
    const { recipient, sender, size } = entry;
    const waiting = this.#recipients.get(recipient);
    if (!waiting?.byId.delete(entry)) return;
    if (waiting.byId.size === 0) this.#recipients.delete(recipient);
    else waiting.tidy();
    const bytes = this.bytesOf(sender) - size;
    if (bytes > 0) this.#bytes.set(sender, bytes);
    else this.#bytes.delete(sender);
  }

  /** Takes out all messages for one user, in the order in which they came. */
  take(recipient: string): MailboxEntry[] {
    const entries = [...this.#recipients.get(recipient)?.entries() ?? []];
    for (const entry of entries) this.remove(entry);
    return entries;
  }

  /** The users for whom a message has waited since before that time: milliseconds. */
  waitingSince(time: number): string[] {
    const recipients: string[] = [];
    for (const [recipient, waiting] of this.#recipients) {
      const [oldest] = waiting.entries();
      if (oldest!.acceptedAt <= time) recipients.push(recipient);
    }
    return recipients;
  }
}
