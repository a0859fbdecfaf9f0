/**
 * The messages that this server keeps: each from the moment it is safe until its story has ended. Owns
 * their order, the limits and when they are written down, and how stories ended; knows neither users nor connections.
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
} from "@netlab/protocol";
import { Box, type KeptEntry } from "./box.ts";
import { EndedStories } from "./ended_stories.ts";
import { IdTable } from "./id_table.ts";
import type { MailStore } from "./mail_store.ts";
import { type NameFactors, NameTable } from "./name_table.ts";

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
  safe: KeptEntry[];
  /** Messages that could not be written down, and are not kept. */
  failed: KeptEntry[];
  /** Why not. */
  error?: unknown;
}

/** What a {@linkcode Mailbox} is made from. */
export interface MailboxOptions {
  /** Where messages are written down. */
  readonly store: MailStore;
  /** How much is kept. */
  readonly limits: MailboxLimits;
  /** For the tables of recipients and of ids. */
  readonly factors: NameFactors;
}

const encoder = new TextEncoder();

/** All messages that a server keeps. */
export class Mailbox {
  readonly #store: MailStore;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  /** By the names of recipients; some are empty, and taken out when it is looked for them. */
  readonly #boxes = new Map<string, Box>();
  /** The same by their bytes. */
  readonly #boxesAt: NameTable<Box>;
  readonly #entries: IdTable<KeptEntry>;
  readonly #words = new Int32Array(4);
  #fresh: KeptEntry[] = [];
  #removed: KeptEntry[] = [];
  readonly #ends = new EndedStories();
  readonly #freshEnds = new ReceiptRecords();

  /** The messages that are in the store, within the limits from now on. */
  constructor({ store, limits, factors }: MailboxOptions) {
    this.#store = store;
    this.#maxMessages = limits.maxMessages ?? 1_000;
    this.#maxBytes = limits.maxBytes ?? 16 * 1024 * 1024;
    this.#maxAgeMs = limits.maxAgeMs ?? 7 * 24 * 3_600_000;
    this.#boxesAt = new NameTable(factors);
    this.#entries = new IdTable(factors);
    const fields = new MessageFields();
    for (const { sender, bytes, start, end, acceptedAt, batch, position } of store.load()) {
      fields.read(bytes, start + HEADER_BYTES, end);
      const entry = this.#put(sender, fields, acceptedAt);
      entry.safe = true;
      entry.batch = batch;
      entry.position = position ?? 0;
    }
    for (const end of store.loadEnds()) this.#ends.add(end);
  }

  /** Whether what is kept survives the end of the process. */
  get durable(): boolean {
    return this.#store.durable;
  }

  /** How many messages are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether anything has to be written down. */
  get dirty(): boolean {
    return this.#fresh.length > 0 || this.#removed.length > 0;
  }

  /** The messages for one user. */
  box(recipient: string): Box | undefined {
    return this.#boxes.get(recipient);
  }

  /** The messages for the recipient in these fields. */
  boxOf({ bytes, recipient, end }: MessageFields): Box | undefined {
    return this.#boxesAt.findBeforeNul(bytes, recipient, end);
  }

  /** The messages for each user for whom there are some. */
  *boxes(): Iterable<Box> {
    for (const box of this.#boxes.values()) if (box.size > 0) yield box;
  }

  /** The message whose id is the four numbers of 32 bits in `words`. */
  find(words: Int32Array): KeptEntry | undefined {
    return this.#entries.find(words, 0);
  }

  /** The message with that id, a UUID in text. */
  get(id: string): KeptEntry | undefined {
    return this.#entries.find(uuidWords(id, this.#words), 0);
  }

  /** Whether as much is kept for a user as may be. */
  isFull({ size, bytes }: Box): boolean {
    return size >= this.#maxMessages || bytes >= this.#maxBytes;
  }

  /** Whether so little is kept for a user that those who were held up may go on. */
  isHalfEmpty({ size, bytes }: Box): boolean {
    return size <= this.#maxMessages / 2 && bytes <= this.#maxBytes / 2;
  }

  /**
   * Keeps a copy of a message; it is safe after the next {@linkcode Mailbox.commit}.
   *
   * @throws {ProtocolError} As {@linkcode readName}, when the recipient's name is none.
   */
  add(sender: string, fields: MessageFields, acceptedAt: number): KeptEntry {
    const entry = this.#put(sender, fields, acceptedAt);
    this.#fresh.push(entry);
    return entry;
  }

  /** A message was delivered: it is kept no more, and that it was is remembered. */
  delivered(entry: KeptEntry): void {
    this.remove(entry);
    this.#ends.addDelivered(entry);
    if (!this.durable) return;
    const { id0, id1, id2, id3 } = entry;
    this.#freshEnds.add(id0, id1, id2, id3, ReceiptState.Delivered);
  }

  /** How the story of a message that was kept here ended, if that is remembered. */
  endOf(id: string): Receipt | undefined {
    return this.#ends.get(id);
  }

  /** A message is kept no more: somebody else keeps it, or it was delivered here. */
  remove(entry: KeptEntry): void {
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
    for (const entry of fresh) entry.safe = true;
    return { safe: fresh, failed: [] };
  }

  /** Takes out what has waited for too long, and gives up the memory of who got all. */
  expire(now: number): KeptEntry[] {
    const expired: KeptEntry[] = [];
    for (const [name, box] of this.#boxes) {
      for (let entry = box.first; entry; entry = box.first) {
        if (now - entry.acceptedAt < this.#maxAgeMs) break;
        const end = { id: entry.id, state: ReceiptState.Expired, code: 0, reason: "" };
        this.remove(entry);
        this.#ends.add(end);
        if (this.durable) this.#freshEnds.addReceipt(end);
        expired.push(entry);
      }
      if (box.size > 0) continue;
      this.#boxes.delete(name);
      this.#boxesAt.delete(encoder.encode(name));
    }
    return expired;
  }

  #put(sender: string, fields: MessageFields, acceptedAt: number): KeptEntry {
    const box = this.boxOf(fields) ?? this.#open(fields, acceptedAt);
    const entry = box.add(fields, sender, acceptedAt);
    this.#entries.add(entry);
    return entry;
  }

  #open({ bytes, recipient, recipientEnd }: MessageFields, now: number): Box {
    const box = new Box(readName(bytes, recipient, recipientEnd), Math.floor(now));
    this.#boxes.set(box.name, box);
    this.#boxesAt.set(bytes.subarray(recipient, recipientEnd), box);
    return box;
  }

  #take(entry: KeptEntry): void {
    if (!entry.kept) return;
    this.#entries.delete(entry);
    entry.box.remove(entry);
  }
}

function isKept({ kept }: KeptEntry): boolean {
  return kept;
}
