/**
 * A store of messages that survives its server, as a disk does. It writes a whole transaction or
 * nothing; a test can make writes fail.
 *
 * @module
 */
import { readReceipts, type Receipt } from "@netlab/protocol";
import type { MessageStore, StoredMessage, StoreGoneError } from "@netlab/p2p/core";

/** One write. */
export interface Written {
  added: string[];
  removed: string[];
}

/** A disk. */
export class VirtualStore implements MessageStore {
  readonly durable: boolean;
  /** What was written, write by write: the ids. */
  readonly writes: Written[] = [];
  /** Whether writes fail from now on. */
  failing = false;
  /** Why the store is no longer where it was, if it is not. */
  gone: StoreGoneError | undefined;
  /** Whether nothing can be read back from now on. */
  unreadable = false;
  /** How often something was read back. */
  reads = 0;
  /** Called before each write: the moment at which messages are not safe yet. */
  onWrite: (() => void) | undefined;
  readonly #ends: Receipt[] = [];
  /** The names of users. */
  readonly names: string[] = [];
  /** By their offsets. */
  readonly #messages = new Map<number, StoredMessage>();
  #lastOffset = 0;

  constructor({ durable = true } = {}) {
    this.durable = durable;
  }

  /** The ids of the messages that are in it, oldest first. */
  get ids(): string[] {
    return [...this.#messages.values()].map(({ id }) => id);
  }

  load(): Iterable<StoredMessage> {
    return [...this.#messages.values()].map(copy);
  }

  read(offset: number, count: number): StoredMessage[] {
    this.reads++;
    if (this.unreadable) return [];
    const offsets = Array.from({ length: count }, (_, index) => offset + index);
    return offsets.flatMap((offset) => this.#messages.get(offset) ?? []).map(copy);
  }

  loadOutcomes(): Iterable<Receipt> {
    return [...this.#ends];
  }

  loadNames(): Iterable<string> {
    return [...this.names];
  }

  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
    names: Iterable<string>,
  ): void {
    this.onWrite?.();
    if (this.gone) throw this.gone;
    if (this.failing) throw new Error("no space left on device");
    this.writes.push({ added: added.map(({ id }) => id), removed: removed.map(({ id }) => id) });
    this.#ends.push(...readReceipts(ends));
    this.names.push(...names);
    for (const { offset } of removed) this.#messages.delete(offset);
    for (const stored of added) {
      const { id, sender, recipient, acceptedAt, bytes, start, end } = stored;
      const frame = { bytes: bytes.slice(start, end), start: 0, end: end - start };
      const offset = stored.offset = ++this.#lastOffset;
      this.#messages.set(offset, { id, sender, recipient, acceptedAt, offset, ...frame });
    }
  }

  check(): StoreGoneError | undefined {
    return this.gone;
  }
}

function copy(stored: StoredMessage): StoredMessage {
  return { ...stored, bytes: stored.bytes.slice() };
}
