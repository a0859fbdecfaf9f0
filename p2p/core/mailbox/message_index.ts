/**
 * The messages of a mailbox by id: those in memory, and the offsets of those that are spilled. Knows neither
 * queues nor limits.
 *
 * @module
 */
import { uuidWords } from "@netlab/protocol/codec";
import { IdTable } from "../dedup/tables/id_table.ts";
import type { NameFactors } from "../dedup/tables/name_table.ts";
import { OffsetTable } from "../dedup/tables/offset_table.ts";
import type { MailboxEntry } from "./recipient_queue.ts";

/** Finds messages by their ids. */
export class MessageIndex {
  /** The size of the messages in memory: bytes. */
  memoryBytes = 0;
  /** The offsets of the spilled messages. */
  readonly spilled: OffsetTable;
  readonly #entries: IdTable<MailboxEntry>;
  readonly #peek: (offset: number) => MailboxEntry | undefined;
  readonly #words = new Int32Array(4);

  /**
   * Creates an empty index.
   *
   * @param peek Reads a spilled message, which stays spilled.
   */
  constructor(factors: NameFactors, peek: (offset: number) => MailboxEntry | undefined) {
    this.spilled = new OffsetTable(factors);
    this.#entries = new IdTable(factors);
    this.#peek = peek;
  }

  /** The number of messages. */
  get size(): number {
    return this.#entries.size + this.spilled.size;
  }

  /**
   * Returns a message if it is in memory.
   *
   * @param words The message's id: four 32-bit numbers.
   */
  inMemory(words: Int32Array): MailboxEntry | undefined {
    return this.#entries.find(words, 0);
  }

  /**
   * Returns a message. A spilled message stays spilled and is read for this call only.
   *
   * @param words The message's id: four 32-bit numbers.
   */
  find(words: Int32Array): MailboxEntry | undefined {
    const entry = this.#entries.find(words, 0);
    if (entry) return entry;
    const offset = this.spilled.find(words);
    const spilled = offset === 0 ? undefined : this.#peek(offset);
    // Two ids may have the same hash, but this is extremely unlikely.
    return spilled?.hasId(words) ? spilled : undefined;
  }

  /**
   * Returns a message. A spilled message stays spilled.
   *
   * @param id The message's id, a UUID in text.
   */
  get(id: string): MailboxEntry | undefined {
    return this.find(uuidWords(id, this.#words));
  }

  /**
   * Returns whether there is a message, also if it waits to be written to the store.
   *
   * @param id The message's id, a UUID in text.
   */
  has(id: string): boolean {
    const words = uuidWords(id, this.#words);
    return this.#entries.find(words, 0) !== undefined || this.spilled.find(words) !== 0;
  }

  /**
   * Returns whether a message is in the store.
   *
   * @param id The message's id, a UUID in text.
   */
  hasSafe(id: string): boolean {
    const words = uuidWords(id, this.#words);
    const entry = this.#entries.find(words, 0);
    return entry ? entry.safe && !entry.transient : this.spilled.find(words) !== 0;
  }

  /** Adds a message of `size` bytes in memory. */
  add(entry: MailboxEntry, size: number): void {
    this.#entries.add(entry);
    this.memoryBytes += size;
  }

  /** Deletes a message of `size` bytes if it is in memory. Returns whether it was. */
  delete(entry: MailboxEntry, size: number): boolean {
    if (!this.#entries.delete(entry)) return false;
    this.memoryBytes -= size;
    return true;
  }

  /** Records that a message of `size` bytes is spilled now. */
  spill(entry: MailboxEntry, size: number): void {
    this.delete(entry, size);
    this.spilled.add(entry, entry.offset);
  }
}
