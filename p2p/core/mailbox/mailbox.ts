/**
 * The messages that this server keeps: each from the moment it is safe until its story has ended. Owns
 * their order, the limits, when they are written down, which of them are in memory, and how stories
 * ended; knows neither users nor connections.
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
import type { MessageStore } from "./message_store.ts";
import { type NameFactors, NameTable } from "../dedup/name_table.ts";
import { OffsetTable } from "../dedup/offset_table.ts";
import { sent } from "../receipt.ts";

/** Messages that are read back together, at most. */
const MAX_READ = 256;

/** How much is kept, and for how long. */
export interface MailboxLimits {
  /**
   * Messages for one user who is away.
   *
   * @default {1000}
   */
  maxMessages?: number;
  /**
   * Bytes for one user who is away.
   *
   * @default {16777216}
   */
  maxBytes?: number;
  /**
   * How long a message waits: milliseconds.
   *
   * @default {604800000}
   */
  maxAgeMs?: number;
}

/** What came of writing down. */
export interface Committed {
  /** Messages that are safe from now on. */
  safe: MailboxEntry[];
  /** Messages that could not be written down, and are not kept. */
  failed: MailboxEntry[];
  /** Why not. */
  error?: unknown;
}

/** What a {@linkcode Mailbox} is made from. */
export interface MailboxOptions {
  /** Where messages are written down. */
  readonly store: MessageStore;
  /** How much is kept. */
  readonly limits: MailboxLimits;
  /** For the tables of recipients and of ids. */
  readonly factors: NameFactors;
}

const encoder = new TextEncoder();

/**
 * All messages that a server keeps. Those for users who are away are on the shelf: in the store alone,
 * when that is durable. Of such a message the id and the place are known, so that as many may wait as
 * the disk takes, and none costs the garbage collector anything.
 */
export class Mailbox {
  readonly #store: MessageStore;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  /** By the names of recipients; some are empty, and taken out when it is looked for them. */
  readonly #queues = new Map<string, RecipientQueue>();
  /** The same by their bytes. */
  readonly #queuesByBytes: NameTable<RecipientQueue>;
  /** Those in memory. */
  readonly #entries: IdTable<MailboxEntry>;
  /** Those on the shelf. */
  readonly #shelf: OffsetTable;
  readonly #fields = new MessageFields();
  readonly #words = new Int32Array(4);
  #fresh: MailboxEntry[] = [];
  #removed: MailboxEntry[] = [];
  readonly #ends = new Outcomes();
  readonly #freshEnds = new ReceiptRecords();

  /** The messages that are in the store, within the limits from now on. */
  constructor({ store, limits, factors }: MailboxOptions) {
    this.#store = store;
    this.#maxMessages = limits.maxMessages ?? 1_000;
    this.#maxBytes = limits.maxBytes ?? 16 * 1024 * 1024;
    this.#maxAgeMs = limits.maxAgeMs ?? 7 * 24 * 3_600_000;
    this.#queuesByBytes = new NameTable(factors);
    this.#entries = new IdTable(factors);
    this.#shelf = new OffsetTable(factors);
    for (const { bytes, start, end, acceptedAt, offset } of store.load()) {
      const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
      const queue = this.queueOf(fields) ?? this.#open(fields, acceptedAt);
      const size = end - fields.id;
      queue.size++;
      queue.bytes += size;
      queue.spill(offset, size, acceptedAt);
      this.#shelf.add(idOf(fields), offset);
    }
    for (const end of store.loadEnds()) this.#ends.add(end);
  }

  /** Whether what is kept survives the end of the process. */
  get durable(): boolean {
    return this.#store.durable;
  }

  /** How many messages are kept. */
  get size(): number {
    return this.#entries.size + this.#shelf.size;
  }

  /** Whether anything has to be written down. */
  get dirty(): boolean {
    return this.#fresh.length > 0 || this.#removed.length > 0;
  }

  /** The messages for one user. */
  queue(recipient: string): RecipientQueue | undefined {
    return this.#queues.get(recipient);
  }

  /** The messages for the recipient in these fields. */
  queueOf({ bytes, recipient, end }: MessageFields): RecipientQueue | undefined {
    return this.#queuesByBytes.findBeforeNul(bytes, recipient, end);
  }

  /** The messages for each user for whom there are some. */
  *queues(): Iterable<RecipientQueue> {
    for (const queue of this.#queues.values()) if (queue.size > 0) yield queue;
  }

  /** The message whose id is the four numbers of 32 bits in `words`, if it is in memory. */
  inMemory(words: Int32Array): MailboxEntry | undefined {
    return this.#entries.find(words, 0);
  }

  /**
   * The message whose id is the four numbers of 32 bits in `words`. One that is on the shelf stays
   * there, and is read for the moment.
   */
  find(words: Int32Array): MailboxEntry | undefined {
    const entry = this.#entries.find(words, 0);
    if (entry) return entry;
    const offset = this.#shelf.find(words);
    const spilled = offset === 0 ? undefined : this.#peek(offset);
    // Two ids may have the same hashes, which nobody will ever see.
    return spilled?.hasId(words) ? spilled : undefined;
  }

  /** The same for an id that is a UUID in text. */
  get(id: string): MailboxEntry | undefined {
    return this.find(uuidWords(id, this.#words));
  }

  /** Whether the message with that id, a UUID in text, is kept, or is about to be. */
  has(id: string): boolean {
    const words = uuidWords(id, this.#words);
    return this.#entries.find(words, 0) !== undefined || this.#shelf.find(words) !== 0;
  }

  /** Whether it is kept and safe. */
  hasSafe(id: string): boolean {
    const words = uuidWords(id, this.#words);
    return this.#entries.find(words, 0)?.safe ?? this.#shelf.find(words) !== 0;
  }

  /** Whether as much is kept for a user as may be. */
  isFull({ size, bytes }: RecipientQueue): boolean {
    return size >= this.#maxMessages || bytes >= this.#maxBytes;
  }

  /** Whether so little is kept for a user that those who were held up may go on. */
  isHalfEmpty({ size, bytes }: RecipientQueue): boolean {
    return size <= this.#maxMessages / 2 && bytes <= this.#maxBytes / 2;
  }

  /**
   * Keeps a copy of a message; it is safe after the next {@linkcode Mailbox.commit}.
   *
   * @throws {ProtocolError} As {@linkcode readName}, when the recipient's name is none.
   */
  add(sender: string, fields: MessageFields, acceptedAt: number): MailboxEntry {
    const queue = this.queueOf(fields) ?? this.#open(fields, acceptedAt);
    const entry = queue.add(fields, sender, acceptedAt);
    this.#entries.add(entry);
    this.#fresh.push(entry);
    return entry;
  }

  /** All that wait for a user are on the shelf from now on, if that outlives the process. */
  spill(queue: RecipientQueue): void {
    if (!this.durable) return;
    for (let entry = queue.waiting; entry; entry = entry.next) {
      this.#entries.delete(entry);
      this.#shelf.add(entry, entry.offset);
    }
    queue.spillWaiting();
  }

  /** The first message that waits for a user; when none is in memory, some are read back. */
  next(queue: RecipientQueue): MailboxEntry | undefined {
    while (!queue.waiting && queue.spilled > 0) {
      const { first, count } = queue.takeOffsets(MAX_READ);
      let found = 0;
      for (
        const { sender, bytes, start, end, acceptedAt, offset } of this.#store.read(first, count)
      ) {
        const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
        // It went while it was on the shelf, and the store has not been told yet.
        if (!this.#shelf.delete(idOf(fields), offset)) continue;
        found++;
        queue.unspill(end - fields.id);
        const entry = queue.add(fields, sender, acceptedAt);
        entry.offset = offset;
        queue.append(entry);
        this.#entries.add(entry);
      }
      // Those that went meanwhile are missing, and those that cannot be read.
      if (found < count) queue.lose(this.#shelf.deleteAt(first, count));
    }
    return queue.waiting;
  }

  /** A message was delivered: it is kept no more, and that it was is remembered. */
  delivered(entry: MailboxEntry): void {
    this.remove(entry);
    this.#ends.addDelivered(entry);
    if (!this.durable) return;
    const { id0, id1, id2, id3 } = entry;
    this.#freshEnds.add(id0, id1, id2, id3, ReceiptState.Delivered);
  }

  /** The same for one that was handed to a legacy program, which confirms nothing. */
  sent(entry: MailboxEntry): void {
    this.remove(entry);
    this.#end(sent(entry.id));
  }

  /** How the story of a message that was kept here ended, if that is remembered. */
  endOf(id: string): Receipt | undefined {
    return this.#ends.get(id);
  }

  /** A message is kept no more: somebody else keeps it, or it was delivered here. */
  remove(entry: MailboxEntry): void {
    this.#take(entry);
    if (entry.safe && this.durable) this.#removed.push(entry);
  }

  /** Writes down what came and what went, all of it or nothing. */
  commit(): Committed {
    const fresh = this.#fresh.every(isKept) ? this.#fresh : this.#fresh.filter(isKept);
    this.#fresh = [];
    try {
      this.#store.write(fresh, this.#removed, this.#freshEnds.bytes);
    } catch (error) {
      // What was removed is tried again; what could not be written is not kept.
      for (const entry of fresh) this.#take(entry);
      return { safe: [], failed: fresh, error };
    }
    this.#removed = [];
    this.#freshEnds.clear();
    for (const entry of fresh) {
      const { queue } = entry;
      if (queue.spilled === 0) queue.append(entry);
      else this.#spill(entry);
    }
    return { safe: fresh, failed: [] };
  }

  /** Takes out what has waited for too long, and gives up the memory of who got all. */
  expire(now: number): MailboxEntry[] {
    const expired: MailboxEntry[] = [];
    for (const [name, queue] of this.#queues) {
      const until = now - this.#maxAgeMs;
      for (;;) {
        const entry = queue.first ?? (queue.spilledSince <= until ? this.next(queue) : undefined);
        if (!entry || entry.acceptedAt > until) break;
        const end = { id: entry.id, state: ReceiptState.Expired, code: 0, reason: "" };
        this.remove(entry);
        this.#end(end);
        expired.push(entry);
      }
      queue.rest();
      if (queue.size > 0) continue;
      this.#queues.delete(name);
      this.#queuesByBytes.delete(encoder.encode(name));
    }
    return expired;
  }

  #end(receipt: Receipt): void {
    this.#ends.add(receipt);
    if (this.durable) this.#freshEnds.addReceipt(receipt);
  }

  /** A message that is safe goes to the end of the shelf. */
  #spill(entry: MailboxEntry): void {
    const { queue, offset, size, acceptedAt } = entry;
    entry.safe = true;
    this.#entries.delete(entry);
    this.#shelf.add(entry, offset);
    queue.spill(offset, size, acceptedAt);
  }

  /** A message on the shelf, as it is there. */
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
    if (!entry.kept) return;
    entry.kept = false;
    const { queue, offset, size } = entry;
    if (this.#entries.delete(entry)) return queue.remove(entry);
    if (this.#shelf.delete(entry, offset)) queue.unspill(size);
  }
}

function idOf({ idWords }: MessageFields): MessageId {
  return { id0: idWords[0]!, id1: idWords[1]!, id2: idWords[2]!, id3: idWords[3]! };
}

function isKept({ kept }: MailboxEntry): boolean {
  return kept;
}
