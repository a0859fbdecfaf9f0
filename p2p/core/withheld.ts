/**
 * Messages that are safe and whose senders are not told so yet: their recipients are there and do not
 * keep up. A client sends only so much that it has not heard of, so that this slows it down; its
 * connection is read on, since what it acknowledges comes the same way. Owns which ones these are.
 *
 * @module
 */
import type { StoredMessage } from "./mail_store.ts";

/** The messages of one server whose senders are told later. */
export class Withheld {
  readonly #recipients = new Map<string, Map<string, StoredMessage>>();
  readonly #bytes = new Map<string, number>();

  /** Whether senders wait to hear of messages for that user. */
  isFor(recipient: string): boolean {
    return this.#recipients.has(recipient);
  }

  /** How many bytes a user has sent and not heard of. */
  bytesOf(sender: string): number {
    return this.#bytes.get(sender) ?? 0;
  }

  /** Whether its sender is to be told of a message later. */
  has({ id, recipient }: StoredMessage): boolean {
    return this.#recipients.get(recipient)?.has(id) ?? false;
  }

  /** Its sender is to be told of a message later. */
  add(message: StoredMessage): void {
    const { id, sender, recipient } = message;
    let messages = this.#recipients.get(recipient);
    if (!messages) this.#recipients.set(recipient, messages = new Map());
    messages.set(id, message);
    this.#bytes.set(sender, this.bytesOf(sender) + message.message.length);
  }

  /** Its sender needs not be told of a message any more. */
  remove({ id, recipient }: StoredMessage): void {
    const messages = this.#recipients.get(recipient);
    const message = messages?.get(id);
    if (!messages || !message) return;
    messages.delete(id);
    if (messages.size === 0) this.#recipients.delete(recipient);
    const bytes = this.bytesOf(message.sender) - message.message.length;
    if (bytes > 0) this.#bytes.set(message.sender, bytes);
    else this.#bytes.delete(message.sender);
  }

  /** Takes out all messages for one user, in the order in which they came. */
  take(recipient: string): StoredMessage[] {
    const messages = [...this.#recipients.get(recipient)?.values() ?? []];
    for (const message of messages) this.remove(message);
    return messages;
  }

  /** The users for whom a message has waited since before that time: milliseconds. */
  waitingSince(time: number): string[] {
    const recipients: string[] = [];
    for (const [recipient, messages] of this.#recipients) {
      const [oldest] = messages.values();
      if (oldest!.acceptedAt <= time) recipients.push(recipient);
    }
    return recipients;
  }
}
