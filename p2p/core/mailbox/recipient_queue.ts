/**
 * The stored messages for one user. Owns their order, and which of them are in flight and which in memory.
 * Knows neither limits nor the store.
 *
 * @module
 */
import {
  HEADER_BYTES,
  invariant,
  type MessageFields,
  NIL_UUID,
  readUuidOf,
  readUuidText,
  UUID_TEXT_BYTES,
} from "@netlab/protocol/codec";
import type { MessageId } from "../dedup/tables/id_table.ts";
import { MessageBuffer } from "./message_buffer.ts";
import type { StoredMessage } from "./message_store.ts";
import { type OffsetRun, OffsetRuns } from "./offset_runs.ts";
import type { SenderUsage } from "./usage.ts";

/** A stored message in memory. Once it is safe, it is in the linked list of its queue. */
export class MailboxEntry implements StoredMessage, MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** The queue of the message. */
  readonly queue: RecipientQueue;
  /** Counts what its sender uses. */
  readonly usage: SenderUsage;
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Whether it is still stored. */
  stored = true;
  /**
   * Whether it was written to the store, or need not be. Until then, it is not sent and its sender gets no
   * receipt.
   */
  safe = false;
  /** Whether storage was full, so that it is only in memory and its sender gets no accepted receipt. */
  transient = false;
  /** The id of the server to which it is in flight; `undefined` while it waits. */
  sentTo: string | undefined = undefined;
  /**
   * How long after its acceptance it was sent: milliseconds, an integer because that needs less memory.
   */
  sentAfterMs = 0;
  /** The message before it in its queue. */
  before: MailboxEntry | undefined = undefined;
  /** The message after it. */
  next: MailboxEntry | undefined = undefined;
  offset = 0;
  /** How long after its queue was opened it was accepted: milliseconds, an integer. */
  readonly #acceptedAfterMs: number;

  /** Creates a message that is in no list yet. Its frame begins at `start` in `bytes`. */
  constructor(
    queue: RecipientQueue,
    idWords: Int32Array,
    usage: SenderUsage,
    acceptedAt: number,
    bytes: Uint8Array,
    start: number,
  ) {
    this.queue = queue;
    this.id0 = idWords[0]!;
    this.id1 = idWords[1]!;
    this.id2 = idWords[2]!;
    this.id3 = idWords[3]!;
    this.usage = usage;
    this.bytes = bytes;
    this.start = start;
    this.#acceptedAfterMs = Math.round(acceptedAt - queue.openedAt);
  }

  /** The message's id, a UUID in text. */
  get id(): string {
    return readUuidText(this.bytes, this.start + HEADER_BYTES);
  }

  /** Returns whether `words` is the message's id: four 32-bit numbers. */
  hasId(words: Int32Array): boolean {
    return this.id3 === words[3] && this.id2 === words[2] && this.id1 === words[1] &&
      this.id0 === words[0];
  }

  /** The name of the user who sent it. */
  get sender(): string {
    return this.usage.name;
  }

  /** The name of the user it is for. */
  get recipient(): string {
    return this.queue.name;
  }

  /** When it was accepted: milliseconds since 1970. */
  get acceptedAt(): number {
    return this.queue.openedAt + this.#acceptedAfterMs;
  }

  /** The end of its frame. */
  get end(): number {
    return this.start + HEADER_BYTES + this.size;
  }

  /** The message as the payload of a frame of type 3. */
  get message(): Uint8Array {
    return this.bytes.subarray(this.start + HEADER_BYTES, this.end);
  }

  /** The size of {@linkcode MailboxEntry.message}: bytes. */
  get size(): number {
    return (this.bytes[this.start + 2]! << 8) | this.bytes[this.start + 3]!;
  }
}

/** Copies the parts that identify a stored message into `to`. */
export function identify(
  { id0, id1, id2, id3, bytes, start, end }: MailboxEntry,
  to: { readonly idWords: Int32Array; bytes: Uint8Array; sender: number; end: number },
): void {
  to.idWords[0] = id0;
  to.idWords[1] = id1;
  to.idWords[2] = id2;
  to.idWords[3] = id3;
  to.bytes = bytes;
  to.sender = start + HEADER_BYTES + UUID_TEXT_BYTES + 1;
  to.end = end;
}

/**
 * The messages for one user, oldest first: those in flight, then those that wait in memory, then the
 * spilled ones, of which only the offsets are known. The messages in memory form a linked list, so adding
 * or removing one does not touch the others. Their bytes are adjacent, so that many are sent in one
 * piece.
 */
export class RecipientQueue {
  /** The number of messages. It includes those that are not safe yet and therefore not in the list. */
  size = 0;
  /** The size of all messages: bytes. */
  bytes = 0;
  /** The number of messages that are only in memory because storage was full. */
  transient = 0;
  /** The number of spilled messages. */
  spilled = 0;
  /** No spilled message was accepted before this time: milliseconds since 1970. */
  spilledSince = 0;
  /** The number of messages in flight. */
  inFlight = 0;
  /** The size of the messages in flight: bytes. */
  inFlightBytes = 0;
  /** The user to whom the messages in flight are delivered, if it is a user of this server. */
  deliveredTo: object | undefined = undefined;
  /** The id of the message that was sent last, as four numbers; created when one is sent. */
  #lastSent: Int32Array | undefined;
  #first: MailboxEntry | undefined;
  #last: MailboxEntry | undefined;
  #waiting: MailboxEntry | undefined;
  #offsets = new OffsetRuns();
  #spilledBytes = 0;
  readonly #buffer = new MessageBuffer();

  /** Creates an empty queue. */
  constructor(
    /** The name of the recipient. */
    readonly name: string,
    /** When the queue was created: milliseconds since 1970. */
    readonly openedAt: number,
    /** Counts what the sender of the first message uses, for whom the queue was created. */
    readonly opener: SenderUsage,
    /** Whether nobody has ever used the recipient's name. */
    public isUnknown: boolean,
  ) {}

  /** The oldest message in memory. */
  get first(): MailboxEntry | undefined {
    return this.#first;
  }

  /** The first waiting message in memory. */
  get waiting(): MailboxEntry | undefined {
    return this.#waiting;
  }

  /** Whether any message waits, in memory or spilled. */
  get hasWaiting(): boolean {
    return this.#waiting !== undefined || this.spilled > 0;
  }

  /** The id of the message that was sent last, a UUID in text; nil if none was sent since all began to wait. */
  get lastSentId(): string {
    return this.#lastSent ? readUuidOf(this.#lastSent) : NIL_UUID;
  }

  /** Returns the messages in memory in order. */
  *entries(): Iterable<MailboxEntry> {
    for (let entry = this.#first; entry; entry = entry.next) yield entry;
  }

  /** Copies a message into memory. It joins the list when it is safe. */
  add(fields: MessageFields, sender: SenderUsage, acceptedAt: number): MailboxEntry {
    const { id, end, idWords } = fields;
    const start = this.#buffer.add(fields);
    this.size++;
    this.bytes += end - id;
    return new MailboxEntry(this, idWords, sender, acceptedAt, this.#buffer.chunk, start);
  }

  /** Adds a message that is safe now to the end of the list. */
  append(entry: MailboxEntry): void {
    invariant(entry.queue === this && !entry.safe, "a message is appended once, to its own queue");
    entry.safe = true;
    entry.before = this.#last;
    if (this.#last) this.#last.next = entry;
    else this.#first = entry;
    this.#last = entry;
    this.#waiting ??= entry;
  }

  /** Removes a message from memory. */
  remove(entry: MailboxEntry): void {
    this.size--;
    this.bytes -= entry.size;
    if (entry.transient) this.transient--;
    if (!entry.safe) return;
    const { before, next } = entry;
    invariant(
      before ? before.next === entry : this.#first === entry,
      "the list leads to a message",
    );
    invariant(next ? next.before === entry : this.#last === entry, "the list leads back to it");
    if (before) before.next = next;
    else this.#first = next;
    if (next) next.before = before;
    else this.#last = before;
    if (this.#waiting === entry) this.#waiting = next;
    // Otherwise removed messages would keep each other in memory.
    entry.before = entry.next = undefined;
    if (entry.sentTo === undefined) return;
    this.inFlight--;
    this.inFlightBytes -= entry.size;
  }

  /**
   * Adds a spilled message at the end: its offset, its size in bytes, and when it was accepted in
   * milliseconds since 1970. The counters of all messages already include it.
   */
  spill(offset: number, bytes: number, acceptedAt: number): void {
    if (this.spilled === 0) this.spilledSince = acceptedAt;
    this.#offsets.push(offset);
    this.spilled++;
    this.#spilledBytes += bytes;
  }

  /** Spills all waiting messages in memory. They come before those that are already spilled. */
  spillWaiting(): void {
    const first = this.#waiting;
    if (!first) return;
    const offsets = new OffsetRuns();
    for (let entry: MailboxEntry | undefined = first; entry; entry = entry.next) {
      offsets.push(entry.offset);
      this.spilled++;
      this.#spilledBytes += entry.size;
    }
    offsets.append(this.#offsets);
    this.#offsets = offsets;
    this.spilledSince = first.acceptedAt;
    this.#last = first.before;
    if (this.#last) this.#last.next = undefined;
    else this.#first = undefined;
    this.#waiting = undefined;
  }

  /**
   * Takes up to `most` offsets of the first spilled messages. The caller must remove these messages from
   * the counters with {@linkcode RecipientQueue.unspill} or {@linkcode RecipientQueue.lose}.
   */
  takeOffsets(most: number): OffsetRun {
    return this.#offsets.take(most);
  }

  /** Removes a spilled message of `bytes` bytes from the counters. */
  unspill(bytes: number): void {
    invariant(this.spilled > 0, "only a spilled message is read back");
    this.size--;
    this.bytes -= bytes;
    this.#spilledBytes -= bytes;
    this.#spilledLess(1);
  }

  /** Removes spilled messages that cannot be read from the counters. Their sizes are unknown. */
  lose(count: number): void {
    this.size -= count;
    this.#spilledLess(count);
  }

  #spilledLess(count: number): void {
    this.spilled -= count;
    if (this.spilled > 0) return;
    // The remainder is the size of those that could not be read.
    this.bytes -= this.#spilledBytes;
    this.#spilledBytes = 0;
    this.#offsets = new OffsetRuns();
  }

  /**
   * Records that the first waiting message is in flight to the server with the id `server` since `now`:
   * milliseconds since 1970.
   */
  sent(entry: MailboxEntry, server: string, now: number): void {
    invariant(entry === this.#waiting, "messages are sent in order");
    entry.sentTo = server;
    entry.sentAfterMs = Math.round(now - entry.acceptedAt);
    this.#waiting = entry.next;
    this.inFlight++;
    this.inFlightBytes += entry.size;
    const lastSent = this.#lastSent ??= new Int32Array(4);
    lastSent[0] = entry.id0;
    lastSent[1] = entry.id1;
    lastSent[2] = entry.id2;
    lastSent[3] = entry.id3;
  }

  /** Makes all messages in flight wait again, in order. */
  wait(): void {
    for (let entry = this.#first; entry && entry.sentTo !== undefined; entry = entry.next) {
      entry.sentTo = undefined;
    }
    this.deliveredTo = undefined;
    this.#waiting = this.#first;
    this.inFlight = 0;
    this.inFlightBytes = 0;
    this.#lastSent = undefined;
  }

  /** Frees the buffer if it contains no message. */
  rest(): void {
    invariant(() => this.#isConsistent(), "counters and links of a recipient queue agree");
    if (this.size === this.spilled) this.#buffer.clear();
  }

  /** Returns whether counters and links agree. Visits every message in memory. */
  #isConsistent(): boolean {
    let count = 0;
    let inFlight = 0;
    let inFlightBytes = 0;
    let isWaiting = false;
    let before: MailboxEntry | undefined;
    for (const entry of this.entries()) {
      isWaiting ||= entry === this.#waiting;
      const isInPlace = entry.queue === this && entry.before === before;
      const isInOrder = isWaiting === (entry.sentTo === undefined);
      if (!isInPlace || !isInOrder || !entry.safe || !entry.stored) return false;
      count++;
      if (!isWaiting) {
        inFlight++;
        inFlightBytes += entry.size;
      }
      before = entry;
    }
    return before === this.#last && isWaiting === (this.#waiting !== undefined) &&
      inFlight === this.inFlight && inFlightBytes === this.inFlightBytes &&
      count + this.spilled <= this.size && this.bytes >= this.#spilledBytes;
  }
}
