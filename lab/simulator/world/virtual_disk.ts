/**
 * A disk in memory that survives the crash of its server, less what was not synced. Owns what is on
 * it; knows nothing of what that means.
 *
 * @module
 */
import { readReceipts, type Receipt } from "@netlab/protocol";
import type { MessageStore, StoredMessage } from "@netlab/p2p/core";

/** How long a broken disk takes to sync what it said was safe: milliseconds. */
export const LATE_SYNC_MS = 5_000;

/** What is on a disk. */
interface State {
  /** By their places. */
  readonly messages: Map<number, StoredMessage>;
  readonly ends: Receipt[];
}

/** The disk of one server. */
export class VirtualDisk implements MessageStore {
  /** What was written survives. */
  readonly durable = true;
  readonly #late: ((sync: () => void) => void) | undefined;
  #synced: State = { messages: new Map(), ends: [] };
  #written: State = { messages: new Map(), ends: [] };
  #lastOffset = 0;

  /**
   * An empty disk. `late` makes it a broken one, which says that messages are safe before they are: it
   * is handed what syncs them, to be called later, or never.
   */
  constructor(late?: (sync: () => void) => void) {
    this.#late = late;
  }

  /** How many messages it would have after a crash now. */
  get size(): number {
    return this.#synced.messages.size;
  }

  /** What is left after a crash. */
  load(): Iterable<StoredMessage> {
    this.#written = copy(this.#synced);
    return [...this.#written.messages.values()];
  }

  /** What is there now, synced or not. */
  read(offset: number, count: number): StoredMessage[] {
    const offsets = Array.from({ length: count }, (_, index) => offset + index);
    return offsets.flatMap((offset) => this.#written.messages.get(offset) ?? []);
  }

  /** How stories ended, as far as is left after a crash. */
  loadOutcomes(): Iterable<Receipt> {
    return [...this.#synced.ends];
  }

  /** Writes all of it, and syncs. */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
  ): void {
    const { messages } = this.#written;
    for (const { offset } of removed) messages.delete(offset);
    for (const message of added) {
      const { id, sender, recipient, bytes, start, end, acceptedAt } = message;
      const offset = message.offset = ++this.#lastOffset;
      messages.set(offset, { id, sender, recipient, bytes, start, end, acceptedAt, offset });
    }
    this.#written.ends.push(...readReceipts(ends));
    const state = copy(this.#written);
    const sync = () => this.#synced = state;
    if (this.#late) this.#late(sync);
    else sync();
  }
}

function copy({ messages, ends }: State): State {
  return { messages: new Map(messages), ends: [...ends] };
}
