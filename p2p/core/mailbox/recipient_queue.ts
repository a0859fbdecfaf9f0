/**
 * The messages that a server keeps for one user, in order, which of them are under way, which are in
 * memory, and the memory in which they lie. Owns that order; knows neither limits nor disks.
 *
 * @module
 */
import {
  FrameType,
  HEADER_BYTES,
  type MessageFields,
  MessageKind,
  readUuidOf,
  readUuidText,
} from "@netlab/protocol/codec";
import type { MessageId } from "../dedup/id_table.ts";
import type { StoredMessage } from "./message_store.ts";
import { type OffsetRun, OffsetRuns } from "./store_ranges.ts";

/** The first piece of memory for a user's messages: bytes. Thousands of users may have one each. */
const FIRST_CHUNK_BYTES = 512;
/**
 * And the largest: bytes. A message that is still kept when those around it have gone holds all of its
 * piece, so a thousand of them take no more than their limit of 16 MiB.
 */
const MAX_CHUNK_BYTES = 16 * 1024;

/** Up to this length, a copy in words of 4 bytes is faster than `set`: bytes. */
const SHORT_BYTES = 160;

/** A message that is kept, in memory; once it is safe, a link of the chain that its queue is. */
export class MailboxEntry implements StoredMessage, MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** Whose messages it is among. */
  readonly queue: RecipientQueue;
  /** The name of the user who sent it. */
  readonly sender: string;
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Whether it is still kept. */
  kept = true;
  /** Whether it has been written down: nobody is told of it, or sent it, before. */
  safe = false;
  /** The id of the server it was sent to and not heard of since; `undefined` while it waits. */
  sentTo: string | undefined = undefined;
  /** How long after it was taken it was sent there: milliseconds, and whole ones, which take less room. */
  sentAfterMs = 0;
  /** The one before it in its queue. */
  before: MailboxEntry | undefined = undefined;
  /** The one behind it. */
  next: MailboxEntry | undefined = undefined;
  offset = 0;
  /** How long after the first one of its queue it was taken: whole milliseconds, as those above. */
  readonly #acceptedAfterMs: number;

  /** A message that lies in `bytes` from `start` on, and is in no chain yet. */
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

  /** Its id, a UUID in text. */
  get id(): string {
    return readUuidText(this.bytes, this.start + HEADER_BYTES);
  }

  /** Whether that is the four numbers of 32 bits in `words`. */
  hasId(words: Int32Array): boolean {
    return this.id3 === words[3] && this.id2 === words[2] && this.id1 === words[1] &&
      this.id0 === words[0];
  }

  /** The name of the user it is for. */
  get recipient(): string {
    return this.queue.name;
  }

  /** When it was taken: milliseconds since 1970. */
  get acceptedAt(): number {
    return this.queue.openedAt + this.#acceptedAfterMs;
  }

  /** Where its frame ends. */
  get end(): number {
    return this.start + HEADER_BYTES + this.size;
  }

  /** The message as it stands in the payload of type 3. */
  get message(): Uint8Array {
    return this.bytes.subarray(this.start + HEADER_BYTES, this.end);
  }

  /** How many bytes that is. */
  get size(): number {
    return (this.bytes[this.start + 2]! << 8) | this.bytes[this.start + 3]!;
  }
}

/**
 * The messages for one user: those that are under way, behind them those that wait, and behind those
 * the ones on the shelf: in the store alone, of which only the place is known. What is in memory is a
 * chain, so that one is put in and taken out without a look at the others, and without an index of its
 * own. Their bytes stand one behind the other, so that many of them go out in one piece.
 */
export class RecipientQueue {
  /** How many there are, with those that are not safe yet and are nowhere in order. */
  size = 0;
  /** Bytes of all of them. */
  bytes = 0;
  /** How many are on the shelf. */
  spilled = 0;
  /** None of them was taken before that time: milliseconds since 1970. */
  spilledSince = 0;
  /** How many are under way. */
  inFlight = 0;
  /** Bytes of those that are under way. */
  inFlightBytes = 0;
  /** The connection of the user, when those that are under way were handed over here. */
  handedTo: object | undefined = undefined;
  /** The id of the one that was sent last: 16 bytes, nil when all that wait come first. */
  readonly lastSent: Int32Array = new Int32Array(4);
  #first: MailboxEntry | undefined;
  #last: MailboxEntry | undefined;
  #waiting: MailboxEntry | undefined;
  #shelf = new OffsetRuns();
  #spilledBytes = 0;
  #chunk = new Uint8Array(0);
  #view = new DataView(this.#chunk.buffer);
  #chunkEnd = 0;

  /** A queue without messages. */
  constructor(
    /** The name of the user they are for. */
    readonly name: string,
    /** When the first one came: milliseconds since 1970. */
    readonly openedAt: number,
  ) {}

  /** The oldest one in memory. */
  get first(): MailboxEntry | undefined {
    return this.#first;
  }

  /** The first of those in memory that wait. */
  get waiting(): MailboxEntry | undefined {
    return this.#waiting;
  }

  /** Whether any waits, in memory or on the shelf. */
  get hasWaiting(): boolean {
    return this.#waiting !== undefined || this.spilled > 0;
  }

  /** The id of the one that was sent last, a UUID; nil when all that wait come first. */
  get lastSentId(): string {
    return readUuidOf(this.lastSent);
  }

  /** Those in memory, in order. */
  *entries(): Iterable<MailboxEntry> {
    for (let entry = this.#first; entry; entry = entry.next) yield entry;
  }

  /** A copy of a message, which has its place in the order when it is safe. */
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

  /** A message is safe: it comes behind all others in memory, and in front of the shelf. */
  append(entry: MailboxEntry): void {
    entry.safe = true;
    entry.before = this.#last;
    if (this.#last) this.#last.next = entry;
    else this.#first = entry;
    this.#last = entry;
    this.#waiting ??= entry;
  }

  /** Takes a message out of memory that is no more. */
  remove(entry: MailboxEntry): void {
    this.size--;
    this.bytes -= entry.size;
    if (!entry.safe) return;
    const { before, next } = entry;
    if (before) before.next = next;
    else this.#first = next;
    if (next) next.before = before;
    else this.#last = before;
    if (this.#waiting === entry) this.#waiting = next;
    // A chain of what is no more would live on as long as its first link.
    entry.before = entry.next = undefined;
    if (entry.sentTo === undefined) return;
    this.inFlight--;
    this.inFlightBytes -= entry.size;
  }

  /** A message that is counted comes last on the shelf: where it is, its bytes, and when it was taken. */
  spill(offset: number, bytes: number, acceptedAt: number): void {
    if (this.spilled === 0) this.spilledSince = acceptedAt;
    this.#shelf.push(offset);
    this.spilled++;
    this.#spilledBytes += bytes;
  }

  /** All that wait are on the shelf from now on, in front of what is there, and no more in memory. */
  spillWaiting(): void {
    const first = this.#waiting;
    if (!first) return;
    const shelf = new OffsetRuns();
    for (let entry: MailboxEntry | undefined = first; entry; entry = entry.next) {
      shelf.push(entry.offset);
      this.spilled++;
      this.#spilledBytes += entry.size;
    }
    shelf.append(this.#shelf);
    this.#shelf = shelf;
    this.spilledSince = first.acceptedAt;
    this.#last = first.before;
    if (this.#last) this.#last.next = undefined;
    else this.#first = undefined;
    this.#waiting = undefined;
  }

  /** Takes the first places from the shelf, so many at most; what is found there is to be told. */
  takeOffsets(most: number): OffsetRun {
    return this.#shelf.take(most);
  }

  /** A message of so many bytes is not on the shelf any more, and not counted. */
  unspill(bytes: number): void {
    this.size--;
    this.bytes -= bytes;
    this.#spilledBytes -= bytes;
    this.#spilledLess(1);
  }

  /** Some that were on the shelf cannot be read: nobody knows which. */
  lose(count: number): void {
    this.size -= count;
    this.#spilledLess(count);
  }

  #spilledLess(count: number): void {
    this.spilled -= count;
    if (this.spilled > 0) return;
    // Those that could not be read had the rest of the bytes.
    this.bytes -= this.#spilledBytes;
    this.#spilledBytes = 0;
    this.#shelf = new OffsetRuns();
  }

  /** The first of those that wait is under way to a server. */
  sent(entry: MailboxEntry, server: string, now: number): void {
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

  /** Nothing is under way any more: all of it waits, in order. */
  wait(): void {
    for (let entry = this.#first; entry && entry.sentTo !== undefined; entry = entry.next) {
      entry.sentTo = undefined;
    }
    this.handedTo = undefined;
    this.#waiting = this.#first;
    this.inFlight = 0;
    this.inFlightBytes = 0;
    this.lastSent.fill(0);
  }

  /** Gives up memory that nothing is in. */
  rest(): void {
    if (this.size === this.spilled && this.#chunk.length > 0) this.#setChunk(new Uint8Array(0));
  }

  /** Copies a message to `to`: a short one in words of 4 bytes, which needs no view of a part. */
  #copy({ bytes, view, id, end }: MessageFields, to: number): void {
    const length = end - id;
    // Up to three bytes more are read, and written where the next message goes.
    if (
      length > SHORT_BYTES || end + 4 > bytes.length ||
      to + length + 4 > this.#view.byteLength
    ) {
      this.#chunk.set(bytes.subarray(id, end), to);
      return;
    }
    for (let i = 0; i < length; i += 4) this.#view.setInt32(to + i, view.getInt32(id + i));
  }

  /** Makes room for `bytes` more, and returns where they go. What was there stays untouched. */
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
