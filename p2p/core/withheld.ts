/**
 * Messages that are safe and whose senders are not told so yet: their recipients are there and do not
 * keep up. A client sends only so much that it has not heard of, so that this slows it down; its
 * connection is read on, since what it acknowledges comes the same way. Owns which ones these are.
 *
 * @module
 */
import type { KeptEntry } from "./box.ts";

/** The messages of one server whose senders are told later. */
export class Withheld {
  /** By recipient and by the id of the message, of which there may be another copy in memory later. */
  readonly #recipients = new Map<string, Map<string, KeptEntry>>();
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
  has(entry: KeptEntry): boolean {
    return this.#recipients.size > 0 &&
      (this.#recipients.get(entry.recipient)?.has(entry.id) ?? false);
  }

  /** Its sender is to be told of a message later. */
  add(entry: KeptEntry): void {
    const { id, recipient, sender, size } = entry;
    let entries = this.#recipients.get(recipient);
    if (!entries) this.#recipients.set(recipient, entries = new Map());
    entries.set(id, entry);
    this.#bytes.set(sender, this.bytesOf(sender) + size);
  }

  /** Its sender needs not be told of a message any more. */
  remove(entry: KeptEntry): void {
    if (this.#recipients.size === 0) return;
    const { id, recipient, sender, size } = entry;
    const entries = this.#recipients.get(recipient);
    if (!entries?.delete(id)) return;
    if (entries.size === 0) this.#recipients.delete(recipient);
    const bytes = this.bytesOf(sender) - size;
    if (bytes > 0) this.#bytes.set(sender, bytes);
    else this.#bytes.delete(sender);
  }

  /** Takes out all messages for one user, in the order in which they came. */
  take(recipient: string): KeptEntry[] {
    const entries = [...this.#recipients.get(recipient)?.values() ?? []];
    for (const entry of entries) this.remove(entry);
    return entries;
  }

  /** The users for whom a message has waited since before that time: milliseconds. */
  waitingSince(time: number): string[] {
    const recipients: string[] = [];
    for (const [recipient, entries] of this.#recipients) {
      const [oldest] = entries.values();
      if (oldest!.acceptedAt <= time) recipients.push(recipient);
    }
    return recipients;
  }
}
