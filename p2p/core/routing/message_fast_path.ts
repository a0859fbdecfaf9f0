/**
 * The fast path for single ephemeral messages: it copies them from the buffer in which they were read to
 * the buffer from which they are written. It takes only messages about which nothing is unusual. At the
 * first other frame it stops, and the router decides about that one. Both come to the same result for
 * every message: a differential test holds them to it. The rules are in `router.ts`; nothing is refused
 * here. `docs/performance.md` says what each step costs.
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
import type { Connection } from "../connection.ts";
import { MAX_HOPS } from "../mesh/mesh.ts";
import type { NameTable } from "../dedup/name_table.ts";
import { PAUSE_BYTES } from "../back_pressure.ts";
import { Peer } from "../mesh/peer.ts";
import type { SeenMessages } from "../dedup/seen_messages.ts";
import { User } from "../users/user.ts";

/** The first two bytes of a frame of type 3/0. */
const EPHEMERAL = 0x0300;
/** Where the NUL after the id is in a frame. The names follow. */
const NAMES_AT = HEADER_BYTES + UUID_TEXT_BYTES;
/** The shortest frame that can be a message: a header, an id, three NULs, and two names of one byte. */
const MIN_BYTES = NAMES_AT + 5;
/** A name of 255 bytes, `": "`, and room to copy whole words. */
const PREFIX_BYTES = 264;
/** What comes between a sender's name and a text. */
const COLON_AND_SPACE = 0x3a20;
/** Two names of 255 bytes, and three NULs. */
const NAMES_BYTES = 2 * MAX_NAME_BYTES + 3;
/** How many messages go through each step together. */
const MAX_BATCH = 64;

/** Routes runs of single messages. */
export class MessageFastPath {
  readonly #routes: NameTable<User | Peer>;
  readonly #seen: SeenMessages;
  /** The sender's name and `": "`, for users who read text. */
  readonly #prefix = new DataView(new ArrayBuffer(PREFIX_BYTES));
  #prefixBytes = 0;
  /**
   * Both names of the current message, with the three NULs around them. The messages after it are compared
   * with this copy, because the buffer that was read may be written to.
   */
  readonly #names = new DataView(new ArrayBuffer(NAMES_BYTES));
  #namesBytes = 0;
  /** Where the frames begin that are still to be copied. */
  #from = 0;
  /** The current id: four numbers. */
  readonly #id = new Int32Array(4);
  /** Where the messages begin that go through a step together, and where the last one ends. */
  readonly #starts = new Int32Array(MAX_BATCH + 1);
  /** Their ids, four numbers each. */
  readonly #ids = new Int32Array(4 * MAX_BATCH);

  /** A fast path to the recipients in `routes`: users of this server, and next hops to others. */
  constructor(routes: NameTable<User | Peer>, seen: SeenMessages) {
    this.#routes = routes;
    this.#seen = seen;
  }

  /**
   * Routes the messages from `from` that lie in `bytes` between `start` and `end`, up to the first one about
   * which something is unusual. Writes hop counts into the frames.
   *
   * @returns Where the first frame begins that it did not take.
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

  /** Finds where the message at `start` goes; `undefined` when something about its names is unusual. */
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
      // A user sends in its own name.
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
   * Where the message at `at` ends, when it is complete, has the current names and its text is UTF-8;
   * otherwise 0. Its id is not checked.
   */
  #next(bytes: Uint8Array, view: DataView, at: number, end: number): number {
    if (end - at < MIN_BYTES || view.getUint16(at) !== EPHEMERAL) return 0;
    const next = at + HEADER_BYTES + view.getUint16(at + 2);
    const text = at + NAMES_AT + this.#namesBytes;
    if (next > end || text > next) return 0;
    if (!isSame(this.#names, view, at + NAMES_AT, this.#namesBytes)) return 0;
    return isAscii(view, text, next) || isUtf8(bytes, text, next) ? next : 0;
  }

  /** Forwards a row of messages to another server. Returns where it ends. */
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
    while (at <= limit) {
      const next = this.#next(bytes, view, at, end);
      if (next === 0 || !readUuidWords(view, at + HEADER_BYTES, this.#id)) break;
      const hops = from instanceof User ? 1 : view.getUint16(at + 4) + 1;
      if (hops > MAX_HOPS) break;
      view.setUint16(at + 4, hops);
      at = next;
    }
    if (at > start) out.copy(view, start, at);
    return at;
  }

  /** Delivers a row of messages to a user of this server. Returns where it ends. */
  #deliver(to: User, bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const { out } = to;
    const id = this.#id;
    // Beyond this, the router pauses the sender.
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

  // The loops of `#inSequence` and `#gather` repeat what `#next` does: with one call less, the compiler
  // inlines all that they call.

  /**
   * Delivers the message from `start` to `next`, whose id has been read and is a sequence id, and the
   * messages of the same stream after it. Returns where they end.
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
    // The messages from the first of `starts` on are written as text.
    starts[0] = start;
    let waiting = 1;
    view.setUint16(start + 4, 0);
    if (!seen.addTo(stream, this.#id, 0)) {
      if (isFramed) this.#leaveOut(to, view, start, next);
      starts[0] = next;
      waiting = 0;
    }
    // The first characters of the ids of this stream.
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
    return at;
  }

  /**
   * Delivers the message at `start`, whose id is no sequence id and is looked up as a whole, and the
   * messages after it for which that holds as well. Returns where they end.
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
      for (let first = 0; first < count;) {
        const known = table.addPrepared(first, count);
        if (isFramed) this.#clearHops(view, first, known);
        else this.#writeText(to, view, first, known);
        if (isFramed && known < count) this.#leaveOut(to, view, starts[known]!, starts[known + 1]!);
        first = known + 1;
      }
      at = starts[count]!;
      if (count < MAX_BATCH) return at;
    }
  }

  /**
   * Finds the messages from `start` on that have the current names and no sequence ids, and where they
   * begin. Returns how many there are, at most {@linkcode MAX_BATCH}.
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

  /** Clears the hop counts of the frames from number `first` to before `last`. */
  #clearHops(view: DataView, first: number, last: number): void {
    const starts = this.#starts;
    for (let i = first; i < last; i++) view.setUint16(starts[i]! + 4, 0);
  }

  /** Leaves out the message from `start` to `end`. The frames before it are copied together. */
  #leaveOut(to: User, view: DataView, start: number, end: number): void {
    if (start > this.#from) to.out.copy(view, this.#from, start);
    this.#from = end;
  }

  /** Writes the messages from number `first` to before `last` of `starts` as text. */
  #writeText(to: User, view: DataView, first: number, last: number): void {
    const skip = NAMES_AT + this.#namesBytes;
    to.out.joinEach(this.#prefix, this.#prefixBytes, view, this.#starts, first, last, skip);
  }
}

/** Whether the first `length` bytes of `names`, 4 at least, are at `at` as well. */
function isSame(names: DataView, view: DataView, at: number, length: number): boolean {
  // Three words of 8 bytes, which overlap where there are fewer bytes.
  if (length < 8 || length > 24) return isSameOfAnyLength(names, view, at, length);
  const last = length - 8;
  const middle = last >>> 1;
  const differ = (names.getBigInt64(0, true) ^ view.getBigInt64(at, true)) |
    (names.getBigInt64(middle, true) ^ view.getBigInt64(at + middle, true)) |
    (names.getBigInt64(last, true) ^ view.getBigInt64(at + last, true));
  return BigInt.asIntN(64, differ) === 0n;
}

/** The same for very short and for long names. */
function isSameOfAnyLength(names: DataView, view: DataView, at: number, length: number): boolean {
  const last = length - 4;
  for (let i = 0; i < last; i += 4) {
    if (names.getInt32(i) !== view.getInt32(at + i)) return false;
  }
  return names.getInt32(last) === view.getInt32(at + last);
}

/** Copies a few bytes to the beginning of `target`, and not one more: there may be none. */
function copyFew(view: DataView, start: number, end: number, target: DataView): void {
  let at = start;
  for (; at + 8 <= end; at += 8) {
    target.setBigInt64(at - start, view.getBigInt64(at, true), true);
  }
  for (; at < end; at++) target.setUint8(at - start, view.getUint8(at));
}
