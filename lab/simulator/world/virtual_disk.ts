/**
 * A message store in memory that survives the crash of its server, except for data that was not synced.
 *
 * @module
 */
import { readReceipts, type Receipt } from "@netlab/protocol";
import type { MessageStore, StoredMessage } from "@netlab/p2p/core";

/** How long a broken disk takes to sync messages that it reported as stored: milliseconds. */
export const LATE_SYNC_MS = 5_000;

/** The contents of a disk. */
interface State {
  /** The messages, by offset. */
  readonly messages: Map<number, StoredMessage>;
  /** The outcomes of messages. */
  readonly ends: Receipt[];
  /** The names of users. */
  readonly names: Set<string>;
}

/** The disk of one server. */
export class VirtualDisk implements MessageStore {
  /** Stored messages survive a crash. */
  readonly durable = true;
  readonly #late: ((sync: () => void) => void) | undefined;
  #synced: State = { messages: new Map(), ends: [], names: new Set() };
  #written: State = { messages: new Map(), ends: [], names: new Set() };
  #lastOffset = 0;

  /**
   * Creates an empty disk.
   *
   * @param late Makes the disk report messages as stored before they are synced. It receives a function that
   *   syncs them, which it may call later, or never.
   */
  constructor(late?: (sync: () => void) => void) {
    this.#late = late;
  }

  /** The number of messages that would survive a crash now. */
  get size(): number {
    return this.#synced.messages.size;
  }

  /** Returns the messages that survived a crash. */
  load(): Iterable<StoredMessage> {
    this.#written = copy(this.#synced);
    return [...this.#written.messages.values()];
  }

  /** Reads messages from an offset on, synced or not. */
  read(offset: number, count: number): StoredMessage[] {
    const offsets = Array.from({ length: count }, (_, index) => offset + index);
    return offsets.flatMap((offset) => this.#written.messages.get(offset) ?? []);
  }

  /** Returns the outcomes of messages that survived a crash. */
  loadOutcomes(): Iterable<Receipt> {
    return [...this.#synced.ends];
  }

  /** Returns the names that survived a crash. */
  loadNames(): Iterable<string> {
    return [...this.#synced.names];
  }

  /** Writes all changes at once, and syncs them. */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
    names: Iterable<string>,
  ): void {
    const { messages } = this.#written;
    for (const { offset } of removed) messages.delete(offset);
    for (const message of added) {
      const { id, sender, recipient, bytes, start, end, acceptedAt } = message;
      const offset = message.offset = ++this.#lastOffset;
      messages.set(offset, { id, sender, recipient, bytes, start, end, acceptedAt, offset });
    }
    this.#written.ends.push(...readReceipts(ends));
    for (const name of names) this.#written.names.add(name);
    const state = copy(this.#written);
    const sync = () => this.#synced = state;
    if (this.#late) this.#late(sync);
    else sync();
  }

  /** Finds nothing: nobody removes a virtual disk. */
  check(): undefined {}
}

function copy({ messages, ends, names }: State): State {
  return { messages: new Map(messages), ends: [...ends], names: new Set(names) };
}
