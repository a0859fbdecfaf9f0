/**
 * The stored messages for one user. Owns their order, which of them are in flight and which in memory,
 * and their buffers. Knows neither limits nor the store.
 *
 * @module
 */
import {
  FrameType,
  HEADER_BYTES,
  invariant,
  type MessageFields,
  MessageKind,
  readUuidOf,
  readUuidText,
  UUID_TEXT_BYTES,
} from "@netlab/protocol/codec";
import type { MessageId } from "../dedup/id_table.ts";
import type { StoredMessage } from "./message_store.ts";
import { type OffsetRun, OffsetRuns } from "./offset_runs.ts";

/** The size of the first buffer for a user's messages: bytes. Thousands of users may have one each. */
const FIRST_CHUNK_BYTES = 512;
/**
 * The size of the largest buffer: bytes. A message keeps its whole buffer in memory, so a thousand
 * messages need at most 16 MiB.
 */
const MAX_CHUNK_BYTES = 16 * 1024;

/** Up to this length, copying in words of 4 bytes is faster than `set`: bytes. */
const SHORT_BYTES = 160;

/** A stored message in memory. Once it is safe, it is in the linked list of its queue. */
export class MailboxEntry implements StoredMessage, MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** The queue of the message. */
  readonly queue: RecipientQueue;
  /** The name of the user who sent it. */
  readonly sender: string;
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Whether it is still stored. */
  stored = true;
  /** Whether it was written to the store. Until then, it is not sent and its sender gets no receipt. */
  safe = false;
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
    sender: string,
    acceptedAt: number,
    bytes: Uint8Array,
    start: number,
  ) {
    this.queue = queue;
    this.id0 = idWords[0]!;
    this.id1 = idWords[1]!;
    this.id2 = idWords[2]!;
    this.id3 = idWords[3]!;
    this.sender = sender;
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
  /** The id of the message that was sent last, as four numbers; nil if none was sent since all began to wait. */
  readonly lastSent: Int32Array = new Int32Array(4);
  #first: MailboxEntry | undefined;
  #last: MailboxEntry | undefined;
  #waiting: MailboxEntry | undefined;
  #offsets = new OffsetRuns();
  #spilledBytes = 0;
  #chunk = new Uint8Array(0);
  #view = new DataView(this.#chunk.buffer);
  #chunkEnd = 0;

  /** Creates an empty queue. */
  constructor(
    /** The name of the recipient. */
    readonly name: string,
    /** When the queue was created: milliseconds since 1970. */
    readonly openedAt: number,
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
    return readUuidOf(this.lastSent);
  }

  /** Returns the messages in memory in order. */
  *entries(): Iterable<MailboxEntry> {
    for (let entry = this.#first; entry; entry = entry.next) yield entry;
  }

  /** Copies a message into memory. It joins the list when it is safe. */
  add(fields: MessageFields, sender: string, acceptedAt: number): MailboxEntry {
    const { id, end, idWords } = fields;
    const length = HEADER_BYTES + end - id;
    const start = this.#room(length);
    const chunk = this.#chunk;
    chunk[start] = FrameType.Message;
    chunk[start + 1] = MessageKind.Durable;
    chunk[start + 2] = (end - id) >>> 8;
    chunk[start + 3] = end - id;
    this.#copy(fields, start + HEADER_BYTES);
    this.size++;
    this.bytes += end - id;
    return new MailboxEntry(this, idWords, sender, acceptedAt, chunk, start);
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
    this.lastSent[0] = entry.id0;
    this.lastSent[1] = entry.id1;
    this.lastSent[2] = entry.id2;
    this.lastSent[3] = entry.id3;
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
    this.lastSent.fill(0);
  }

  /** Frees the buffer if it contains no message. */
  rest(): void {
    invariant(() => this.#isConsistent(), "counters and links of a recipient queue agree");
    if (this.size === this.spilled && this.#chunk.length > 0) this.#setChunk(new Uint8Array(0));
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

  /** Copies a message to `to`. Copies a short one in words of 4 bytes, which is faster than `set`. */
  #copy({ bytes, view, id, end }: MessageFields, to: number): void {
    const length = end - id;
    // This copies up to three bytes too many, to where the next message goes.
    if (
      length > SHORT_BYTES || end + 4 > bytes.length ||
      to + length + 4 > this.#view.byteLength
    ) {
      this.#chunk.set(bytes.subarray(id, end), to);
      return;
    }
    for (let i = 0; i < length; i += 4) this.#view.setInt32(to + i, view.getInt32(id + i));
  }

  /** Reserves `bytes` and returns their offset. Existing messages do not move. */
  #room(bytes: number): number {
    let start = this.#chunkEnd;
    if (start + bytes > this.#chunk.length) {
      const twice = Math.max(FIRST_CHUNK_BYTES, 2 * this.#chunk.length);
      this.#setChunk(new Uint8Array(Math.max(bytes, Math.min(twice, MAX_CHUNK_BYTES))));
      start = 0;
    }
    this.#chunkEnd = start + bytes;
    return start;
  }

  #setChunk(chunk: Uint8Array<ArrayBuffer>): void {
    this.#chunk = chunk;
    this.#view = new DataView(chunk.buffer);
    this.#chunkEnd = 0;
  }
}
