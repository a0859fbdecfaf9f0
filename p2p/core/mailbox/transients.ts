/**
 * The messages that are only in memory because storage was full. Owns for how long. Does not know how they
 * are delivered.
 *
 * @module
 */
import type { MailboxEntry } from "./recipient_queue.ts";
import type { Usage } from "./usage.ts";

/** How long a message is passed on without being stored before it is given up: milliseconds. */
const TRANSIENT_MS = 20_000;

/** The transient messages of a mailbox. */
export class Transients {
  readonly #usage: Usage;
  /** Oldest first. */
  readonly #entries = new Set<MailboxEntry>();

  /** Starts without messages. `usage` counts them. */
  constructor(usage: Usage) {
    this.#usage = usage;
  }

  /** The number of messages. */
  get size(): number {
    return this.#entries.size;
  }

  /** Makes a message transient. */
  add(entry: MailboxEntry): void {
    entry.transient = true;
    entry.queue.transient++;
    this.#entries.add(entry);
    this.#usage.addTransient(entry.usage, entry.size);
  }

  /** Records that a message is settled or given up. */
  delete(entry: MailboxEntry): void {
    this.#entries.delete(entry);
    this.#usage.addTransient(entry.usage, -entry.size);
  }

  /**
   * Returns the messages that nobody has acknowledged in time.
   *
   * @param now The current time: milliseconds since 1970.
   */
  overdue(now: number): MailboxEntry[] {
    const overdue: MailboxEntry[] = [];
    for (const entry of this.#entries) {
      if (now - entry.acceptedAt < TRANSIENT_MS) break;
      overdue.push(entry);
    }
    return overdue;
  }
}
