/**
 * The messages that this server keeps: each from the moment it is safe until its story has ended. Owns
 * their order, the limits and when they are written down, and how stories ended; knows neither users nor connections.
 *
 * @module
 */
import { type Receipt, ReceiptState } from "@netlab/protocol";
import { Box, KeptEntry } from "./box.ts";
import { EndedStories } from "./ended_stories.ts";
import type { MailStore, StoredMessage } from "./mail_store.ts";

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

/** All messages that a server keeps. */
export class Mailbox {
  readonly #store: MailStore;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #boxes = new Map<string, Box>();
  /** By id, oldest first as far as the clock goes on. */
  readonly #entries = new Map<string, KeptEntry>();
  #fresh: KeptEntry[] = [];
  #removed: string[] = [];
  readonly #ends = new EndedStories();
  #freshEnds: Receipt[] = [];

  /** The messages that are in the store, within `limits` from now on. */
  constructor(store: MailStore, limits: MailboxLimits = {}) {
    this.#store = store;
    this.#maxMessages = limits.maxMessages ?? 1_000;
    this.#maxBytes = limits.maxBytes ?? 16 * 1024 * 1024;
    this.#maxAgeMs = limits.maxAgeMs ?? 7 * 24 * 3_600_000;
    for (const message of store.load()) {
      this.#put(new KeptEntry(message, true));
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

  /** The users for whom there are messages. */
  recipients(): Iterable<string> {
    return this.#boxes.keys();
  }

  /** The message with that id. */
  get(id: string): KeptEntry | undefined {
    return this.#entries.get(id);
  }

  /** Whether as much is kept for a user as may be. */
  isFull(recipient: string): boolean {
    const box = this.#boxes.get(recipient);
    return box !== undefined &&
      (box.size >= this.#maxMessages || box.bytes >= this.#maxBytes);
  }

  /** Whether so little is kept for a user that those who were held up may go on. */
  isHalfEmpty(recipient: string): boolean {
    const box = this.#boxes.get(recipient);
    return box === undefined ||
      (box.size <= this.#maxMessages / 2 && box.bytes <= this.#maxBytes / 2);
  }

  /** Keeps a message; it is safe after the next {@linkcode Mailbox.commit}. Its bytes must not change. */
  add(message: StoredMessage): KeptEntry {
    const entry = new KeptEntry(message, false);
    this.#put(entry);
    this.#fresh.push(entry);
    return entry;
  }

  /** The story of a message has ended: it is kept no more, and how it ended is remembered. */
  end(receipt: Receipt): KeptEntry | undefined {
    const entry = this.remove(receipt.id);
    if (!entry) return undefined;
    this.#ends.add(receipt);
    this.#freshEnds.push(receipt);
    return entry;
  }

  /** How the story of a message that was kept here ended, if that is remembered. */
  endOf(id: string): Receipt | undefined {
    return this.#ends.get(id);
  }

  /** A message is kept no more: somebody else keeps it. */
  remove(id: string): KeptEntry | undefined {
    const entry = this.#take(id);
    if (entry?.safe) this.#removed.push(id);
    return entry;
  }

  /** Writes down what came and what went, all of it or nothing. */
  commit(): Committed {
    const fresh = this.#fresh.filter(({ id }) => this.#entries.has(id));
    this.#fresh = [];
    try {
      this.#store.write(fresh, this.#removed, this.#freshEnds);
    } catch (error) {
      // What was removed is tried again; what could not be written is not kept.
      for (const { id } of fresh) this.#take(id);
      return { safe: [], failed: fresh, error };
    }
    this.#removed = [];
    this.#freshEnds = [];
    for (const entry of fresh) entry.safe = true;
    return { safe: fresh, failed: [] };
  }

  /** Takes out what has waited for too long. */
  expire(now: number): KeptEntry[] {
    const expired: KeptEntry[] = [];
    for (const { id, acceptedAt } of this.#entries.values()) {
      if (now - acceptedAt < this.#maxAgeMs) break;
      const end = { id, state: ReceiptState.Expired, code: 0, reason: "" };
      const entry = this.end(end);
      if (entry) expired.push(entry);
    }
    return expired;
  }

  #put(entry: KeptEntry): void {
    const { id, recipient } = entry;
    let box = this.#boxes.get(recipient);
    if (!box) this.#boxes.set(recipient, box = new Box());
    box.add(entry);
    this.#entries.set(id, entry);
  }

  #take(id: string): KeptEntry | undefined {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    this.#entries.delete(id);
    const box = this.#boxes.get(entry.recipient)!;
    box.remove(entry);
    if (box.size === 0) this.#boxes.delete(entry.recipient);
    return entry;
  }
}
