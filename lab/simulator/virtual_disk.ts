/**
 * A disk in memory that survives the crash of its server, less what was not synced. Owns what is on
 * it; knows nothing of what that means.
 *
 * @module
 */
import type { MailStore, StoredMessage } from "@netlab/p2p/core";

/** How long a broken disk takes to sync what it said was safe: milliseconds. */
export const LATE_SYNC_MS = 5_000;

/** The disk of one server. */
export class VirtualDisk implements MailStore {
  /** What was written survives. */
  readonly durable = true;
  readonly #late: ((sync: () => void) => void) | undefined;
  #synced = new Map<string, StoredMessage>();
  #written = new Map<string, StoredMessage>();

  /**
   * An empty disk. `late` makes it a broken one, which says that messages are safe before they are: it
   * is handed what syncs them, to be called later, or never.
   */
  constructor(late?: (sync: () => void) => void) {
    this.#late = late;
  }

  /** How many messages it would have after a crash now. */
  get size(): number {
    return this.#synced.size;
  }

  /** What is left after a crash. */
  load(): Iterable<StoredMessage> {
    this.#written = new Map(this.#synced);
    return [...this.#written.values()];
  }

  /** Writes all of it, and syncs. */
  write(added: readonly StoredMessage[], removed: readonly string[]): void {
    for (const { id, sender, recipient, message, acceptedAt } of added) {
      this.#written.set(id, { id, sender, recipient, message, acceptedAt });
    }
    for (const id of removed) this.#written.delete(id);
    const state = new Map(this.#written);
    const sync = () => this.#synced = state;
    if (this.#late) this.#late(sync);
    else sync();
  }
}
