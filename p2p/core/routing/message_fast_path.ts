/**
 * The fast path for single ephemeral messages. It copies them from the read buffer of one connection to
 * the write buffer of another. It takes only messages that need nothing else. It stops at the first other
 * frame, which the router then handles. Both give the same result for every message, and a differential
 * test verifies this. Owns no rules and refuses nothing: the rules are in `router.ts`.
 * `docs/performance.md` says what each step costs.
 *
 * @module
 */
import {
  HEADER_BYTES,
  isAscii,
  isSequenceId,
  isSequenceIdText,
  isUtf8,
  MAX_NAME_BYTES,
  readManyUuidWords,
  readUuidWords,
  UUID_TEXT_BYTES,
} from "@netlab/protocol/codec";
import { readSequenceNumber, STREAM_TEXT_BYTES } from "../dedup/sequence_ids.ts";
import type { Connection } from "../connection/connection.ts";
import { MAX_HOPS } from "../mesh/server_network.ts";
import type { NameTable } from "../dedup/tables/name_table.ts";
import { PAUSE_BYTES } from "../connection/back_pressure.ts";
import { Peer } from "../mesh/peer.ts";
import type { Counters } from "../watch/counters.ts";
import type { SeenMessages } from "../dedup/seen_messages.ts";
import { User } from "../users/user.ts";

/** The first two bytes of a frame of type 3/0. */
const EPHEMERAL = 0x0300;
/** The offset of the NUL after the id in a frame. The names follow it. */
const NAMES_AT = HEADER_BYTES + UUID_TEXT_BYTES;
/** The size of the shortest message: a header, an id, three NULs and two names of one byte. */
const MIN_BYTES = NAMES_AT + 5;
/** The size of a name of 255 bytes, `": "`, and padding for copying whole words. */
const PREFIX_BYTES = 264;
/** The characters between a sender's name and a text. */
const COLON_AND_SPACE = 0x3a20;
/** The size of two names of 255 bytes and three NULs. */
const NAMES_BYTES = 2 * MAX_NAME_BYTES + 3;
/** The most messages that each step processes together. */
const MAX_BATCH = 64;

/** Routes runs of single messages. */
export class MessageFastPath {
  readonly #routes: NameTable<User | Peer>;
  readonly #seen: SeenMessages;
  readonly #counters: Counters;
  /** The sender's name and `": "`, for users who read text. */
  readonly #prefix = new DataView(new ArrayBuffer(PREFIX_BYTES));
  #prefixBytes = 0;
  /**
   * Both names of the current message and the three NULs around them. Later messages are compared with
   * this copy, because the read buffer may be overwritten.
   */
  readonly #names = new DataView(new ArrayBuffer(NAMES_BYTES));
  #namesBytes = 0;
  /** The offset of the first frame that was not copied yet. */
  #from = 0;
  /** The current id as four numbers. */
  readonly #id = new Int32Array(4);
  /** The offsets of the messages that a step processes together, and the end of the last one. */
  readonly #starts = new Int32Array(MAX_BATCH + 1);
  /** The ids of these messages, four numbers each. */
  readonly #ids = new Int32Array(4 * MAX_BATCH);

  /**
   * Creates the fast path of one server.
   *
   * @param routes The recipients it can reach: users of this server, and next hops to others.
   * @param seen The messages that were delivered.
   * @param counters Counts the messages.
   */
  constructor(routes: NameTable<User | Peer>, seen: SeenMessages, counters: Counters) {
    this.#routes = routes;
    this.#seen = seen;
    this.#counters = counters;
  }

  /**
   * Routes messages from a connection, up to the first frame that needs the router. Writes hop counts
   * into the frames.
   *
   * @param bytes The buffer in which they were read, from `start` to `end`.
   * @returns The offset of the first frame that it did not take.
   */
  run(from: Connection, bytes: Uint8Array, start: number, end: number): number {
    if (end - start < MIN_BYTES || bytes[start] !== EPHEMERAL >> 8 || bytes[start + 1] !== 0) {
      return start;
    }
    const sender = from.party;
    if (!(sender instanceof User || sender instanceof Peer)) return start;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = start;
    for (;;) {
      const to = this.#find(sender, bytes, view, at, end);
      if (to === undefined) return at;
      const next = to instanceof Peer
        ? this.#forward(sender, to, bytes, view, at, end)
        : this.#deliver(to, bytes, view, at, end);
      if (next === at) return at;
      at = next;
    }
  }

  /** Finds the destination of the message at `start`; `undefined` if its names need the router. */
  #find(
    from: User | Peer,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
  ): User | Peer | undefined {
    if (end - start < MIN_BYTES) return undefined;
    const sender = start + NAMES_AT + 1;
    let nul = sender;
    if (from instanceof User) {
      // A user must send in its own name.
      const { nameBytes } = from;
      nul += nameBytes.length;
      if (nul >= end || bytes[nul] !== 0) return undefined;
      for (let i = 0; i < nameBytes.length; i++) {
        if (bytes[sender + i] !== nameBytes[i]) return undefined;
      }
    } else {
      // The sender's server has checked the name.
      const last = Math.min(end, sender + MAX_NAME_BYTES + 1);
      while (nul < last && bytes[nul] !== 0) nul++;
      if (nul === last) return undefined;
    }
    const to = this.#routes.findBeforeNul(bytes, nul + 1, end);
    if (to === undefined) return undefined;
    this.#namesBytes = this.#routes.nul + 1 - (start + NAMES_AT);
    copyFew(view, start + NAMES_AT, start + NAMES_AT + this.#namesBytes, this.#names);
    if (to instanceof User && to.readsText) {
      copyFew(view, sender, nul, this.#prefix);
      this.#prefix.setUint16(nul - sender, COLON_AND_SPACE);
      this.#prefixBytes = nul - sender + 2;
    }
    return to;
  }

  /**
   * Returns the end of the message at `at` if it is complete, has the current names and its text is
   * UTF-8; otherwise 0. Does not check its id.
   */
  #next(bytes: Uint8Array, view: DataView, at: number, end: number): number {
    if (end - at < MIN_BYTES || view.getUint16(at) !== EPHEMERAL) return 0;
    const next = at + HEADER_BYTES + view.getUint16(at + 2);
    const text = at + NAMES_AT + this.#namesBytes;
    if (next > end || text > next) return 0;
    if (!isSame(this.#names, view, at + NAMES_AT, this.#namesBytes)) return 0;
    return isAscii(view, text, next) || isUtf8(bytes, text, next) ? next : 0;
  }

  /** Forwards consecutive messages to another server. Returns the end of the last one. */
  #forward(
    from: User | Peer,
    to: Peer,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
  ): number {
    // Split horizon.
    if (to === from) return start;
    const { out } = to;
    const limit = start + PAUSE_BYTES - out.length;
    let at = start;
    let count = 0;
    for (; at <= limit; count++) {
      const next = this.#next(bytes, view, at, end);
      if (next === 0 || !readUuidWords(view, at + HEADER_BYTES, this.#id)) break;
      const hops = from instanceof User ? 1 : (view.getUint16(at + 4) || 1) + 1;
      if (hops > MAX_HOPS) break;
      view.setUint16(at + 4, hops);
      at = next;
    }
    if (at > start) out.copy(view, start, at);
    this.#counters.messagesReceived += count;
    this.#counters.messagesForwarded += count;
    return at;
  }

  /** Delivers consecutive messages to a user of this server. Returns the end of the last one. */
  #deliver(to: User, bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const { out } = to;
    const id = this.#id;
    // Beyond this limit, the router pauses the sender.
    const limit = start + PAUSE_BYTES - out.length;
    const last = Math.min(end, limit);
    let at = start;
    this.#from = start;
    while (at <= limit) {
      const next = this.#next(bytes, view, at, end);
      if (next === 0 || !readUuidWords(view, at + HEADER_BYTES, id)) break;
      at = isSequenceId(id, 0)
        ? this.#inSequence(to, bytes, view, at, next, last)
        : this.#lookUp(to, bytes, view, at, Math.max(next, last));
    }
    if (!to.readsText && at > this.#from) out.copy(view, this.#from, at);
    return at;
  }

  // The loops of `#inSequence` and `#gather` repeat what `#next` does. With one call less, the compiler
  // inlines everything they call.

  /**
   * Delivers the message from `start` to `next`, whose id was read and is a sequence id, and the
   * following messages of the same stream. Returns the end of the last one.
   */
  #inSequence(
    to: User,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    next: number,
    end: number,
  ): number {
    const seen = this.#seen;
    const stream = seen.streams.get(this.#id, 0, bytes, start + NAMES_AT + 1, next)!;
    const names = this.#names;
    const namesBytes = this.#namesBytes;
    const isFramed = !to.readsText;
    const starts = this.#starts;
    // Messages whose offsets are in `starts` are still to be written as text.
    starts[0] = start;
    let waiting = 1;
    let count = 1;
    view.setUint16(start + 4, 0);
    if (!seen.addTo(stream, this.#id, 0)) {
      if (isFramed) this.#leaveOut(to, view, start, next);
      starts[0] = next;
      waiting = count = 0;
      this.#counters.messagesReceived++;
      this.#counters.duplicates++;
    }
    // The characters that all ids of this stream begin with.
    const t0 = view.getInt32(start + HEADER_BYTES);
    const t1 = view.getInt32(start + HEADER_BYTES + 4);
    const t2 = view.getInt32(start + HEADER_BYTES + 8);
    const t3 = view.getInt32(start + HEADER_BYTES + STREAM_TEXT_BYTES - 4);
    let at = next;
    for (; end - at >= MIN_BYTES && view.getUint16(at) === EPHEMERAL; at = next) {
      next = at + HEADER_BYTES + view.getUint16(at + 2);
      const text = at + NAMES_AT + namesBytes;
      if (next > end || text > next) break;
      if (!isSame(names, view, at + NAMES_AT, namesBytes)) break;
      if (!isAscii(view, text, next) && !isUtf8(bytes, text, next)) break;
      const id = at + HEADER_BYTES;
      if (
        view.getInt32(id) !== t0 || view.getInt32(id + 4) !== t1 || view.getInt32(id + 8) !== t2 ||
        view.getInt32(id + STREAM_TEXT_BYTES - 4) !== t3
      ) break;
      const number = readSequenceNumber(view, id);
      if (number < 0 || stream.add(number) !== true) break;
      count++;
      if (isFramed) view.setUint16(at + 4, 0);
      else {
        starts[waiting] = at;
        if (waiting === MAX_BATCH) {
          this.#writeText(to, view, 0, waiting);
          waiting = 0;
          starts[0] = at;
        }
        waiting++;
      }
    }
    starts[waiting] = at;
    if (!isFramed) this.#writeText(to, view, 0, waiting);
    this.#counters.messagesReceived += count;
    this.#counters.messagesDelivered += count;
    return at;
  }

  /**
   * Delivers the message at `start`, whose id is no sequence id, and the following messages of this kind.
   * Their ids are looked up in a table. Returns the end of the last one.
   */
  #lookUp(to: User, bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const { table } = this.#seen;
    const starts = this.#starts;
    const ids = this.#ids;
    const isFramed = !to.readsText;
    let at = start;
    for (;;) {
      const found = this.#gather(bytes, view, at, end);
      const count = readManyUuidWords(view, starts, HEADER_BYTES, found, ids);
      table.prepare(ids, 0, count);
      let copies = 0;
      for (let first = 0; first < count;) {
        const known = table.addPrepared(first, count);
        if (known < count) copies++;
        if (isFramed) this.#clearHops(view, first, known);
        else this.#writeText(to, view, first, known);
        if (isFramed && known < count) this.#leaveOut(to, view, starts[known]!, starts[known + 1]!);
        first = known + 1;
      }
      this.#counters.messagesReceived += count;
      this.#counters.messagesDelivered += count - copies;
      this.#counters.duplicates += copies;
      at = starts[count]!;
      if (count < MAX_BATCH) return at;
    }
  }

  /**
   * Finds the messages from `start` on that have the current names and no sequence ids. Stores their
   * offsets and returns how many there are, at most {@linkcode MAX_BATCH}.
   */
  #gather(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const starts = this.#starts;
    const names = this.#names;
    const namesBytes = this.#namesBytes;
    let count = 0;
    let at = start;
    while (count < MAX_BATCH && end - at >= MIN_BYTES && view.getUint16(at) === EPHEMERAL) {
      const next = at + HEADER_BYTES + view.getUint16(at + 2);
      const text = at + NAMES_AT + namesBytes;
      if (next > end || text > next) break;
      if (!isSame(names, view, at + NAMES_AT, namesBytes)) break;
      if (!isAscii(view, text, next) && !isUtf8(bytes, text, next)) break;
      if (isSequenceIdText(view, at + HEADER_BYTES)) break;
      starts[count++] = at;
      at = next;
    }
    starts[count] = at;
    return count;
  }

  /** Clears the hop counts of the frames with index `first` up to but excluding `last`. */
  #clearHops(view: DataView, first: number, last: number): void {
    const starts = this.#starts;
    for (let i = first; i < last; i++) view.setUint16(starts[i]! + 4, 0);
  }

  /** Skips the message from `start` to `end`, and copies the frames before it. */
  #leaveOut(to: User, view: DataView, start: number, end: number): void {
    if (start > this.#from) to.out.copy(view, this.#from, start);
    this.#from = end;
  }

  /** Writes the messages with index `first` up to but excluding `last` as text. */
  #writeText(to: User, view: DataView, first: number, last: number): void {
    const skip = NAMES_AT + this.#namesBytes;
    to.out.joinEach(this.#prefix, this.#prefixBytes, view, this.#starts, first, last, skip);
  }
}

/** Returns whether the first `length` bytes of `names`, at least 4, are also at `at`. */
function isSame(names: DataView, view: DataView, at: number, length: number): boolean {
  // Compares three words of 8 bytes, which overlap if there are fewer than 24 bytes.
  if (length < 8 || length > 24) return isSameOfAnyLength(names, view, at, length);
  const last = length - 8;
  const middle = last >>> 1;
  const differ = (names.getBigInt64(0, true) ^ view.getBigInt64(at, true)) |
    (names.getBigInt64(middle, true) ^ view.getBigInt64(at + middle, true)) |
    (names.getBigInt64(last, true) ^ view.getBigInt64(at + last, true));
  return BigInt.asIntN(64, differ) === 0n;
}

/** Compares bytes as {@linkcode isSame} does, for very short and for long names. */
function isSameOfAnyLength(names: DataView, view: DataView, at: number, length: number): boolean {
  const last = length - 4;
  for (let i = 0; i < last; i += 4) {
    if (names.getInt32(i) !== view.getInt32(at + i)) return false;
  }
  return names.getInt32(last) === view.getInt32(at + last);
}

/** Copies a few bytes to the start of `target`, and none beyond `end`. */
function copyFew(view: DataView, start: number, end: number, target: DataView): void {
  let at = start;
  for (; at + 8 <= end; at += 8) {
    target.setBigInt64(at - start, view.getBigInt64(at, true), true);
  }
  for (; at < end; at++) target.setUint8(at - start, view.getUint8(at));
}
