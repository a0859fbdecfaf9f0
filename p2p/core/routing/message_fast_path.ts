/**
 * The hot path: messages that nobody keeps, from a user or a server to one that is known, taken straight
 * from the buffer in which they were read to the buffer from which they are written. It takes only what
 * is in order in every respect; at the first frame that is not, it stops, and the relay decides about
 * that one, with the same outcome where both could. So nothing here says no, and whoever reads for the
 * rules reads `router.ts`. What each step costs stands in `docs/performance.md`.
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
import { numberInText, STREAM_TEXT_BYTES } from "../dedup/sequence_ids.ts";
import type { Connection } from "../connection.ts";
import { MAX_HOPS } from "../mesh/mesh.ts";
import type { NameTable } from "../dedup/name_table.ts";
import { PAUSE_BYTES } from "./router.ts";
import type { SeenMessages } from "../dedup/seen_messages.ts";

/** The first two bytes of a frame of type 3/0. */
const PLAIN = 0x0300;
/** Where the NUL behind the id stands in a frame, and the names behind that. */
const NAMES_AT = HEADER_BYTES + UUID_TEXT_BYTES;
/** The shortest frame that can be a message: a header, an id, three NULs, and two names of one byte. */
const MIN_BYTES = NAMES_AT + 5;
/** A name of 255 bytes and `": "`, and what is copied with it for the sake of whole words. */
const PREFIX_BYTES = 264;
/** Behind a sender's name, in front of a text. */
const COLON_AND_SPACE = 0x3a20;
/** Two names of 255 bytes, and three NULs. */
const NAMES_BYTES = 2 * MAX_NAME_BYTES + 3;
/** Messages that go through each step together, at most. */
const MAX_BATCH = 64;

/** Passes on runs of messages. */
export class MessageFastPath {
  readonly #routes: NameTable<Connection>;
  readonly #seen: SeenMessages;
  /** The sender's name and `": "`, for who reads text. */
  readonly #prefix = new DataView(new ArrayBuffer(PREFIX_BYTES));
  #prefixBytes = 0;
  /**
   * Both names of the message at hand, with the three NULs around them. Those behind it are compared with
   * this and not with where it stood: what is passed on in place is written there.
   */
  readonly #names = new DataView(new ArrayBuffer(NAMES_BYTES));
  #namesBytes = 0;
  /** From where on frames are still to be copied. */
  #from = 0;
  /** The id at hand: four numbers. */
  readonly #id = new Int32Array(4);
  /** Where the messages begin that go together, and where the last one ends. */
  readonly #starts = new Int32Array(MAX_BATCH + 1);
  /** Their ids, four numbers each. */
  readonly #ids = new Int32Array(4 * MAX_BATCH);

  /** A lane for recipients that stand in `routes`: a user of this server, or the link toward theirs. */
  constructor(routes: NameTable<Connection>, seen: SeenMessages) {
    this.#routes = routes;
    this.#seen = seen;
  }

  /**
   * Passes on the messages that `link` sent and that lie in `bytes` from `start` on, as far as all is in
   * order. Writes into what it passes on. Returns where the first begins that it left.
   */
  run(connection: Connection, bytes: Uint8Array, start: number, end: number): number {
    if (end - start < MIN_BYTES || bytes[start] !== PLAIN >> 8 || bytes[start + 1] !== 0) {
      return start;
    }
    if (!connection.isUser && connection.role !== "peer") return start;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = start;
    for (;;) {
      const to = this.#find(connection, bytes, view, at, end);
      if (to === undefined) return at;
      const next = to.role === "peer"
        ? this.#relay(connection, to, bytes, view, at, end)
        : this.#deliver(to, bytes, view, at, end);
      if (next === at) return at;
      at = next;
    }
  }

  /** Finds out where the message at `start` goes; `undefined` when its names are not in order. */
  #find(
    connection: Connection,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
  ): Connection | undefined {
    if (end - start < MIN_BYTES) return undefined;
    const sender = start + NAMES_AT + 1;
    let nul = sender;
    if (connection.isUser) {
      // Nobody is impersonated: the sender is the user of the connection.
      const { nameBytes } = connection;
      nul += nameBytes.length;
      if (nul >= end || bytes[nul] !== 0) return undefined;
      for (let i = 0; i < nameBytes.length; i++) {
        if (bytes[sender + i] !== nameBytes[i]) return undefined;
      }
    } else {
      // The server that it comes from has looked.
      const last = Math.min(end, sender + MAX_NAME_BYTES + 1);
      while (nul < last && bytes[nul] !== 0) nul++;
      if (nul === last) return undefined;
    }
    const to = this.#routes.findBeforeNul(bytes, nul + 1, end);
    if (to === undefined || !(to.isUser || to.role === "peer")) return undefined;
    this.#namesBytes = this.#routes.nul + 1 - (start + NAMES_AT);
    copyFew(view, start + NAMES_AT, start + NAMES_AT + this.#namesBytes, this.#names);
    if (to.role === "bare") {
      copyFew(view, sender, nul, this.#prefix);
      this.#prefix.setUint16(nul - sender, COLON_AND_SPACE);
      this.#prefixBytes = nul - sender + 2;
    }
    return to;
  }

  /**
   * Where the message ends that begins at `at`, when it is whole, has the names at hand, and has a text
   * that is one; else 0. Its id is not looked at.
   */
  #next(bytes: Uint8Array, view: DataView, at: number, end: number): number {
    if (end - at < MIN_BYTES || view.getUint16(at) !== PLAIN) return 0;
    const next = at + HEADER_BYTES + view.getUint16(at + 2);
    const text = at + NAMES_AT + this.#namesBytes;
    if (next > end || text > next) return 0;
    if (!isSame(this.#names, view, at + NAMES_AT, this.#namesBytes)) return 0;
    return isAscii(view, text, next) || isUtf8(bytes, text, next) ? next : 0;
  }

  /** Passes a row of messages on to another server. Returns where it ends. */
  #relay(
    connection: Connection,
    to: Connection,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
  ): number {
    // Never back where it came from.
    if (to === connection) return start;
    const { out } = to;
    const limit = start + PAUSE_BYTES - out.length;
    let at = start;
    while (at <= limit) {
      const next = this.#next(bytes, view, at, end);
      if (next === 0 || !readUuidWords(view, at + HEADER_BYTES, this.#id)) break;
      const hops = connection.isUser ? 1 : view.getUint16(at + 4) + 1;
      if (hops > MAX_HOPS) break;
      view.setUint16(at + 4, hops);
      at = next;
    }
    if (at > start) out.copy(view, start, at);
    return at;
  }

  /** Delivers a row of messages to a user of this server. Returns where it ends. */
  #deliver(to: Connection, bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const { out } = to;
    const id = this.#id;
    // Whoever writes more is held up by the relay.
    const limit = start + PAUSE_BYTES - out.length;
    const last = Math.min(end, limit);
    let at = start;
    this.#from = start;
    while (at <= limit) {
      const next = this.#next(bytes, view, at, end);
      if (next === 0 || !readUuidWords(view, at + HEADER_BYTES, id)) break;
      at = isSequenceId(id, 0)
        ? this.#count(to, bytes, view, at, next, last)
        : this.#lookUp(to, bytes, view, at, Math.max(next, last));
    }
    if (to.role === "session" && at > this.#from) out.copy(view, this.#from, at);
    return at;
  }

  // In the loops of `#count` and `#gather` stands again what `#next` does: with one call less, the compiler
  // makes one piece of all that they call.

  /**
   * Delivers the message from `start` to `next`, whose id has been read and is counted, and those behind
   * it that are of the same stream, as long as they come in turn. Returns where that ends.
   */
  #count(
    to: Connection,
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
    const isFramed = to.role === "session";
    const starts = this.#starts;
    // Who reads text gets those from the first of `starts` on.
    starts[0] = start;
    let waiting = 1;
    view.setUint16(start + 4, 0);
    if (!seen.addTo(stream, this.#id, 0)) {
      if (isFramed) this.#leaveOut(to, view, start, next);
      starts[0] = next;
      waiting = 0;
    }
    // How the ids of the stream begin, in text.
    const t0 = view.getInt32(start + HEADER_BYTES);
    const t1 = view.getInt32(start + HEADER_BYTES + 4);
    const t2 = view.getInt32(start + HEADER_BYTES + 8);
    const t3 = view.getInt32(start + HEADER_BYTES + STREAM_TEXT_BYTES - 4);
    let at = next;
    for (; end - at >= MIN_BYTES && view.getUint16(at) === PLAIN; at = next) {
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
      const number = numberInText(view, id);
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
   * Delivers the message at `start`, whose id is looked up as a whole, and those behind it for which that
   * holds as well. Returns where that ends.
   */
  #lookUp(to: Connection, bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const { table } = this.#seen;
    const starts = this.#starts;
    const ids = this.#ids;
    const isFramed = to.role === "session";
    let at = start;
    for (;;) {
      const found = this.#gather(bytes, view, at, end);
      const count = readManyUuidWords(view, starts, HEADER_BYTES, found, ids);
      table.prepare(ids, 0, count);
      for (let first = 0; first < count;) {
        const known = table.addPrepared(first, count);
        if (isFramed) this.#arrived(view, first, known);
        else this.#writeText(to, view, first, known);
        if (isFramed && known < count) this.#leaveOut(to, view, starts[known]!, starts[known + 1]!);
        first = known + 1;
      }
      at = starts[count]!;
      if (count < MAX_BATCH) return at;
    }
  }

  /**
   * Finds out where messages begin, from `start` on, that have the names at hand and whose ids are looked up
   * as a whole. Returns how many, at most {@linkcode MAX_BATCH}; of their ids no more is looked at.
   */
  #gather(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const starts = this.#starts;
    const names = this.#names;
    const namesBytes = this.#namesBytes;
    let count = 0;
    let at = start;
    while (count < MAX_BATCH && end - at >= MIN_BYTES && view.getUint16(at) === PLAIN) {
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

  /** Marks frames at hand, from number `first` to before `last`, as having come over no server. */
  #arrived(view: DataView, first: number, last: number): void {
    const starts = this.#starts;
    for (let i = first; i < last; i++) view.setUint16(starts[i]! + 4, 0);
  }

  /** Leaves out the message from `start` to `end`. Frames in a row are copied together, later. */
  #leaveOut(to: Connection, view: DataView, start: number, end: number): void {
    if (start > this.#from) to.out.copy(view, this.#from, start);
    this.#from = end;
  }

  /** Writes messages that begin at `starts`, from number `first` to before `last`, for who reads text. */
  #writeText(to: Connection, view: DataView, first: number, last: number): void {
    const skip = NAMES_AT + this.#namesBytes;
    to.out.joinEach(this.#prefix, this.#prefixBytes, view, this.#starts, first, last, skip);
  }
}

/** Whether the names stand at `at`, whose `length` bytes `names` begins with; 4 at least. */
function isSame(names: DataView, view: DataView, at: number, length: number): boolean {
  // Three words of 8 bytes, one over the other where there are fewer bytes.
  if (length < 8 || length > 24) return isSameToo(names, view, at, length);
  const last = length - 8;
  const middle = last >>> 1;
  const differ = (names.getBigInt64(0, true) ^ view.getBigInt64(at, true)) |
    (names.getBigInt64(middle, true) ^ view.getBigInt64(at + middle, true)) |
    (names.getBigInt64(last, true) ^ view.getBigInt64(at + last, true));
  return BigInt.asIntN(64, differ) === 0n;
}

/** The same for very short and for long ones. */
function isSameToo(names: DataView, view: DataView, at: number, length: number): boolean {
  const last = length - 4;
  for (let i = 0; i < last; i += 4) {
    if (names.getInt32(i) !== view.getInt32(at + i)) return false;
  }
  return names.getInt32(last) === view.getInt32(at + last);
}

/** Copies a few bytes to the beginning of `target`; not one more, as there may be none. */
function copyFew(view: DataView, start: number, end: number, target: DataView): void {
  let at = start;
  for (; at + 8 <= end; at += 8) {
    target.setBigInt64(at - start, view.getBigInt64(at, true), true);
  }
  for (; at < end; at++) target.setUint8(at - start, view.getUint8(at));
}
