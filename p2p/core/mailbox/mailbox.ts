/**
 * The durable messages that this server stores until they are settled. Owns the limits, when messages are
 * written to the store, which of them are in memory, and the outcomes. Knows neither users nor
 * connections.
 *
 * @module
 */
import {
  HEADER_BYTES,
  MessageFields,
  readName,
  type Receipt,
  ReceiptRecords,
  ReceiptState,
  uuidWords,
} from "@netlab/protocol/codec";
import { MailboxEntry, RecipientQueue } from "./recipient_queue.ts";
import { Outcomes } from "./outcomes.ts";
import { IdTable, type MessageId } from "../dedup/id_table.ts";
import type { MessageStore, StoreGoneError } from "./message_store.ts";
import { type NameFactors, NameTable } from "../dedup/name_table.ts";
import { OffsetTable } from "../dedup/offset_table.ts";
import { sent } from "../receipt.ts";

/** The most messages that are read back together. */
const MAX_READ = 256;

/** Limits on what a server stores. */
export interface MailboxLimits {
  /**
   * The most messages that are stored for one user.
   *
   * @default {1000}
   */
  maxMessages?: number;
  /**
   * The most bytes that are stored for one user.
   *
   * @default {16777216}
   */
  maxBytes?: number;
  /**
   * How long a message is stored before it expires: milliseconds.
   *
   * @default {604800000}
   */
  maxAgeMs?: number;
}

/** The result of writing messages to the store. */
export interface Committed {
  /** Messages that are safe now. */
  safe: MailboxEntry[];
  /** Messages that could not be written. They are not stored. */
  failed: MailboxEntry[];
  /** The reason; `undefined` if all messages are safe. */
  error?: unknown;
}

/** Options of a {@linkcode Mailbox}. */
export interface MailboxOptions {
  /** The store for the messages. */
  readonly store: MessageStore;
  /** Limits on what is stored. */
  readonly limits: MailboxLimits;
  /** Random factors for the hash tables. */
  readonly factors: NameFactors;
}

const encoder = new TextEncoder();

/**
 * All messages that a server stores. If the store is durable, messages for users who are away are
 * spilled: only the store has them, and the mailbox has their ids and offsets. Then only the disk limits
 * how many may wait, and they are no work for the garbage collector.
 */
export class Mailbox {
  readonly #store: MessageStore;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  /** By recipient. Empty queues are removed when messages expire. */
  readonly #queues = new Map<string, RecipientQueue>();
  /** By the recipient's name in UTF-8. */
  readonly #queuesByBytes: NameTable<RecipientQueue>;
  /** The messages in memory. */
  readonly #entries: IdTable<MailboxEntry>;
  /** The offsets of the spilled messages. */
  readonly #spilled: OffsetTable;
  readonly #fields = new MessageFields();
  readonly #words = new Int32Array(4);
  #fresh: MailboxEntry[] = [];
  #removed: MailboxEntry[] = [];
  readonly #outcomes = new Outcomes();
  readonly #freshOutcomes = new ReceiptRecords();

  /** Creates a mailbox with the messages in the store. They may exceed the limits. */
  constructor({ store, limits, factors }: MailboxOptions) {
    this.#store = store;
    this.#maxMessages = limits.maxMessages ?? 1_000;
    this.#maxBytes = limits.maxBytes ?? 16 * 1024 * 1024;
    this.#maxAgeMs = limits.maxAgeMs ?? 7 * 24 * 3_600_000;
    this.#queuesByBytes = new NameTable(factors);
    this.#entries = new IdTable(factors);
    this.#spilled = new OffsetTable(factors);
    for (const { bytes, start, end, acceptedAt, offset } of store.load()) {
      const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
      const queue = this.queueOf(fields) ?? this.#open(fields, acceptedAt);
      const size = end - fields.id;
      queue.size++;
      queue.bytes += size;
      queue.spill(offset, size, acceptedAt);
      this.#spilled.add(idOf(fields), offset);
    }
    for (const end of store.loadOutcomes()) this.#outcomes.add(end);
  }

  /** Whether stored messages survive the end of the process. */
  get durable(): boolean {
    return this.#store.durable;
  }

  /** The number of stored messages. */
  get size(): number {
    return this.#entries.size + this.#spilled.size;
  }

  /** Whether anything must be written to the store. */
  get dirty(): boolean {
    return this.#fresh.length > 0 || this.#removed.length > 0;
  }

  /** Checks the store, see {@linkcode MessageStore.check}. */
  checkStore(): StoreGoneError | undefined {
    return this.#store.check();
  }

  /**
   * Copies the messages to another place, see {@linkcode MessageStore.rescue}.
   *
   * @returns The place; `undefined` if the store cannot do that.
   */
  rescue(): string | undefined {
    return this.#store.rescue?.(this.#removed, this.#freshOutcomes.bytes);
  }

  /** Returns the queue of one user. */
  queue(recipient: string): RecipientQueue | undefined {
    return this.#queues.get(recipient);
  }

  /** Returns the queue of the recipient in these fields. */
  queueOf({ bytes, recipient, end }: MessageFields): RecipientQueue | undefined {
    return this.#queuesByBytes.findBeforeNul(bytes, recipient, end);
  }

  /** Returns all queues that are not empty. */
  *queues(): Iterable<RecipientQueue> {
    for (const queue of this.#queues.values()) if (queue.size > 0) yield queue;
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
   * Returns a message if it is stored. A spilled message stays spilled and is read for this call only.
   *
   * @param words The message's id: four 32-bit numbers.
   */
  find(words: Int32Array): MailboxEntry | undefined {
    const entry = this.#entries.find(words, 0);
    if (entry) return entry;
    const offset = this.#spilled.find(words);
    const spilled = offset === 0 ? undefined : this.#peek(offset);
    // Two ids may have the same hash, but this is extremely unlikely.
    return spilled?.hasId(words) ? spilled : undefined;
  }

  /**
   * Returns a message if it is stored. A spilled message stays spilled.
   *
   * @param id The message's id, a UUID in text.
   */
  get(id: string): MailboxEntry | undefined {
    return this.find(uuidWords(id, this.#words));
  }

  /**
   * Returns whether a message is stored or waits to be written to the store.
   *
   * @param id The message's id, a UUID in text.
   */
  has(id: string): boolean {
    const words = uuidWords(id, this.#words);
    return this.#entries.find(words, 0) !== undefined || this.#spilled.find(words) !== 0;
  }

  /**
   * Returns whether a message has been written to the store.
   *
   * @param id The message's id, a UUID in text.
   */
  hasSafe(id: string): boolean {
    const words = uuidWords(id, this.#words);
    return this.#entries.find(words, 0)?.safe ?? this.#spilled.find(words) !== 0;
  }

  /** Returns whether a user's queue is full. */
  isFull({ size, bytes }: RecipientQueue): boolean {
    return size >= this.#maxMessages || bytes >= this.#maxBytes;
  }

  /** Returns whether a user's queue is at most half full, so that waiting senders may continue. */
  isHalfEmpty({ size, bytes }: RecipientQueue): boolean {
    return size <= this.#maxMessages / 2 && bytes <= this.#maxBytes / 2;
  }

  /**
   * Adds a copy of a message. It is safe after the next {@linkcode Mailbox.commit}.
   *
   * @throws {ProtocolError} As {@linkcode readName}, if the recipient's name is invalid.
   */
  add(sender: string, fields: MessageFields, acceptedAt: number): MailboxEntry {
    const queue = this.queueOf(fields) ?? this.#open(fields, acceptedAt);
    const entry = queue.add(fields, sender, acceptedAt);
    this.#entries.add(entry);
    this.#fresh.push(entry);
    return entry;
  }

  /** Spills all waiting messages of a user if the store is durable. */
  spill(queue: RecipientQueue): void {
    if (!this.durable) return;
    for (let entry = queue.waiting; entry; entry = entry.next) {
      this.#entries.delete(entry);
      this.#spilled.add(entry, entry.offset);
    }
    queue.spillWaiting();
  }

  /** Returns the first waiting message of a user. If none is in memory, spilled ones are read back. */
  next(queue: RecipientQueue): MailboxEntry | undefined {
    while (!queue.waiting && queue.spilled > 0) {
      const { first, count } = queue.takeOffsets(MAX_READ);
      let found = 0;
      for (
        const { sender, bytes, start, end, acceptedAt, offset } of this.#store.read(first, count)
      ) {
        const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
        // It was removed while it was spilled, and the store has not removed it yet.
        if (!this.#spilled.delete(idOf(fields), offset)) continue;
        found++;
        queue.unspill(end - fields.id);
        const entry = queue.add(fields, sender, acceptedAt);
        entry.offset = offset;
        queue.append(entry);
        this.#entries.add(entry);
      }
      // Messages that were removed meanwhile or cannot be read are missing.
      if (found < count) queue.lose(this.#spilled.deleteRange(first, count));
    }
    return queue.waiting;
  }

  /** Removes a delivered message and remembers its outcome. */
  delivered(entry: MailboxEntry): void {
    this.remove(entry);
    this.#outcomes.addDelivered(entry);
    if (!this.durable) return;
    const { id0, id1, id2, id3 } = entry;
    this.#freshOutcomes.add(id0, id1, id2, id3, ReceiptState.Delivered);
  }

  /**
   * Removes a message that was sent to a legacy program, which acknowledges nothing, and remembers its
   * outcome.
   */
  sent(entry: MailboxEntry): void {
    this.remove(entry);
    this.#settle(sent(entry.id));
  }

  /**
   * Returns the outcome of a message that was stored here, if it is remembered.
   *
   * @param id The message's id, a UUID in text.
   */
  outcomeOf(id: string): Receipt | undefined {
    return this.#outcomes.get(id);
  }

  /** Removes a message that another server stores now or that was delivered here. */
  remove(entry: MailboxEntry): void {
    this.#take(entry);
    if (entry.safe && this.durable) this.#removed.push(entry);
  }

  /** Writes additions and removals to the store: all of them or none. */
  commit(): Committed {
    const fresh = this.#fresh.every(isStored) ? this.#fresh : this.#fresh.filter(isStored);
    this.#fresh = [];
    try {
      this.#store.write(fresh, this.#removed, this.#freshOutcomes.bytes);
    } catch (error) {
      // Removals are tried again next time. Messages that could not be written are not stored.
      for (const entry of fresh) this.#take(entry);
      return { safe: [], failed: fresh, error };
    }
    this.#removed = [];
    this.#freshOutcomes.clear();
    for (const entry of fresh) {
      const { queue } = entry;
      if (queue.spilled === 0) queue.append(entry);
      else this.#spill(entry);
    }
    return { safe: fresh, failed: [] };
  }

  /**
   * Removes empty queues and messages that are too old.
   *
   * @param now The current time: milliseconds since 1970.
   * @returns The messages that expired.
   */
  expire(now: number): MailboxEntry[] {
    const expired: MailboxEntry[] = [];
    for (const [name, queue] of this.#queues) {
      const until = now - this.#maxAgeMs;
      for (;;) {
        const entry = queue.first ?? (queue.spilledSince <= until ? this.next(queue) : undefined);
        if (!entry || entry.acceptedAt > until) break;
        const outcome = { id: entry.id, state: ReceiptState.Expired, code: 0, reason: "" };
        this.remove(entry);
        this.#settle(outcome);
        expired.push(entry);
      }
      queue.rest();
      if (queue.size > 0) continue;
      this.#queues.delete(name);
      this.#queuesByBytes.delete(encoder.encode(name));
    }
    return expired;
  }

  #settle(receipt: Receipt): void {
    this.#outcomes.add(receipt);
    if (this.durable) this.#freshOutcomes.addReceipt(receipt);
  }

  /** Spills a message that has just been written to the store. */
  #spill(entry: MailboxEntry): void {
    const { queue, offset, size, acceptedAt } = entry;
    entry.safe = true;
    this.#entries.delete(entry);
    this.#spilled.add(entry, offset);
    queue.spill(offset, size, acceptedAt);
  }

  /** Reads a spilled message, which stays spilled. */
  #peek(at: number): MailboxEntry | undefined {
    for (const { sender, bytes, start, end, acceptedAt, offset } of this.#store.read(at, 1)) {
      const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
      const queue = this.queueOf(fields);
      if (!queue) continue;
      const entry = new MailboxEntry(queue, fields.idWords, sender, acceptedAt, bytes, start);
      entry.safe = true;
      entry.offset = offset;
      return entry;
    }
  }

  #open({ bytes, recipient, recipientEnd }: MessageFields, now: number): RecipientQueue {
    const queue = new RecipientQueue(readName(bytes, recipient, recipientEnd), Math.floor(now));
    this.#queues.set(queue.name, queue);
    this.#queuesByBytes.set(bytes.subarray(recipient, recipientEnd), queue);
    return queue;
  }

  #take(entry: MailboxEntry): void {
    if (!entry.stored) return;
    entry.stored = false;
    const { queue, offset, size } = entry;
    if (this.#entries.delete(entry)) return queue.remove(entry);
    if (this.#spilled.delete(entry, offset)) queue.unspill(size);
  }
}

function idOf({ idWords }: MessageFields): MessageId {
  return { id0: idWords[0]!, id1: idWords[1]!, id2: idWords[2]!, id3: idWords[3]! };
}

function isStored({ stored }: MailboxEntry): boolean {
  return stored;
}
