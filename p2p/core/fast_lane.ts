/**
 * The hot path: messages that nobody keeps, from a user or a server to one that is known, taken straight
 * from the buffer in which they were read to the buffer from which they are written. It takes only what
 * is in order in every respect; at the first frame that is not, it stops, and the relay decides about
 * that one, with the same outcome where both could. So nothing here says no, and whoever reads for the
 * rules reads `relay.ts`. What each step costs stands in `docs/performance.md`.
 *
 * @module
 */
import {
  HEADER_BYTES,
  isAscii,
  isUtf8,
  MAX_NAME_BYTES,
  readUuidWords,
  UUID_TEXT_BYTES,
} from "@netlab/protocol";
import { isCounted, type Stream } from "./counted_ids.ts";
import type { Link } from "./link.ts";
import { MAX_HOPS } from "./mesh.ts";
import type { NameTable } from "./name_table.ts";
import { HOLD_UP_BYTES } from "./relay.ts";
import type { SeenMessages } from "./seen_messages.ts";

/** The first two bytes of a frame of type 3/0. */
const PLAIN = 0x0300;
/** Where the NUL behind the id stands in a frame, and the names behind that. */
const NAMES_AT = HEADER_BYTES + UUID_TEXT_BYTES;
/** The shortest frame that can be a message: a header, an id, three NULs, and two names of one byte. */
const MIN_BYTES = NAMES_AT + 5;
/** Two names of 255 bytes and three NULs. */
const NAMES_BYTES = 513;
/** A name of 255 bytes and `": "`, and what is copied with it for the sake of whole words. */
const PREFIX_BYTES = 264;
/** Ids that are looked up together, at most. */
const MAX_BATCH = 32;

/** Passes on runs of messages. */
export class FastLane {
  readonly #routes: NameTable<Link>;
  readonly #seen: SeenMessages;
  /** The names of the present row: NUL, sender, NUL, recipient, NUL. */
  readonly #names = new DataView(new ArrayBuffer(NAMES_BYTES));
  #namesBytes = 0;
  /** Its sender and `": "`. */
  readonly #prefix = new DataView(new ArrayBuffer(PREFIX_BYTES));
  #prefixBytes = 0;
  /** From where on it is still to be copied. */
  #from = 0;
  /** The id at hand: four numbers. */
  readonly #ids = new Int32Array(4);
  /** Where the frames begin whose ids are to be looked up, and where the last one ends. */
  readonly #starts = new Int32Array(MAX_BATCH + 1);

  /** A lane for recipients that stand in `routes`: a user of this server, or the link toward theirs. */
  constructor(routes: NameTable<Link>, seen: SeenMessages) {
    this.#routes = routes;
    this.#seen = seen;
  }

  /**
   * Passes on the messages that `link` sent and that lie in `bytes` from `start` on, as far as all is in
   * order. Writes into what it passes on. Returns where the first begins that it left.
   */
  run(link: Link, bytes: Uint8Array, start: number, end: number): number {
    if (end - start < MIN_BYTES || bytes[start] !== PLAIN >> 8 || bytes[start + 1] !== 0) {
      return start;
    }
    if (!link.isUser && link.role !== "peer") return start;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = start;;) {
      const to = this.#find(link, bytes, at, end);
      if (to === undefined) return at;
      const next = to.role === "peer"
        ? this.#relay(link, to, bytes, view, at, end)
        : this.#deliver(to, bytes, view, at, end);
      if (next === at) return at;
      at = next;
    }
  }

  /** Finds out where the message at `start` goes, and keeps its names; `undefined` if not in order. */
  #find(link: Link, bytes: Uint8Array, start: number, end: number): Link | undefined {
    if (end - start < MIN_BYTES) return undefined;
    const sender = start + NAMES_AT + 1;
    let nul = sender;
    if (link.isUser) {
      // Nobody is impersonated: the sender is the user of the connection.
      const { nameBytes } = link;
      nul += nameBytes.length;
      if (nul >= end || bytes[nul] !== 0) return undefined;
      for (let i = 0; i < nameBytes.length; i++) {
        if (bytes[sender + i] !== nameBytes[i]) return undefined;
      }
    } else {
      // The server that it comes from has looked.
      while (nul < end && bytes[nul] !== 0) nul++;
      if (nul - sender > MAX_NAME_BYTES) return undefined;
    }
    const to = this.#routes.findBeforeNul(bytes, nul + 1, end);
    if (to === undefined || !(to.isUser || to.role === "peer")) return undefined;
    const names = this.#names;
    const text = this.#routes.nul + 1;
    names.setUint8(0, 0);
    for (let at = sender; at < text; at++) names.setUint8(at - sender + 1, bytes[at]!);
    this.#namesBytes = text - sender + 1;
    const prefix = this.#prefix;
    for (let at = sender; at < nul; at++) prefix.setUint8(at - sender, bytes[at]!);
    prefix.setUint16(nul - sender, COLON_AND_SPACE);
    this.#prefixBytes = nul - sender + 2;
    return to;
  }

  /**
   * Where the message ends that begins at `at`, when it is whole, goes the way of the one before, and has
   * a text that is one; else 0. Its id is not looked at.
   */
  #next(bytes: Uint8Array, view: DataView, at: number, end: number): number {
    if (end - at < MIN_BYTES) return 0;
    const next = at + HEADER_BYTES + view.getUint16(at + 2);
    const text = at + NAMES_AT + this.#namesBytes;
    if (view.getUint16(at) !== PLAIN || next > end || text > next) return 0;
    if (!isSame(view, at + NAMES_AT, this.#names, this.#namesBytes)) return 0;
    return isAscii(view, text, next) || isUtf8(bytes, text, next) ? next : 0;
  }

  /** Passes a row of messages on to another server. Returns where it ends. */
  #relay(
    link: Link,
    to: Link,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
  ): number {
    // Never back where it came from.
    if (to === link) return start;
    const { out } = to.port;
    const limit = start + HOLD_UP_BYTES - out.length;
    let at = start;
    while (at <= limit) {
      const next = this.#next(bytes, view, at, end);
      const hops = link.isUser ? 1 : view.getUint16(at + 4) + 1;
      if (next === 0 || hops > MAX_HOPS) break;
      if (!readUuidWords(view, at + HEADER_BYTES, this.#ids, 0)) break;
      view.setUint16(at + 4, hops);
      at = next;
    }
    if (at > start) out.copy(view, start, at);
    return at;
  }

  /** Delivers a row of messages to a user of this server. Returns where it ends. */
  #deliver(to: Link, bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const { out } = to.port;
    const { streams, table } = this.#seen;
    const ids = this.#ids;
    const limit = start + HOLD_UP_BYTES - out.length;
    let stream: Stream | undefined;
    let waiting = 0;
    let at = start;
    this.#from = start;
    while (at <= limit) {
      const next = this.#next(bytes, view, at, end);
      if (next === 0) break;
      const id = at + HEADER_BYTES;
      let number = stream === undefined ? -1 : stream.numberAt(view, id);
      if (number < 0) {
        if (!readUuidWords(view, id, ids, 0)) break;
        if (isCounted(ids, 0)) {
          stream = streams.get(ids, 0, bytes, at + NAMES_AT + 1, next)!;
          number = ids[3]! >>> 0;
        }
      }
      view.setUint16(at + 4, 0);
      if (number >= 0) {
        waiting = this.#settle(to, view, waiting);
        const isNew = stream!.add(number);
        this.#hand(to, view, at, next, isNew ?? this.#isNewInTable(view, id));
      } else {
        table.prepare(ids, 0, waiting);
        this.#starts[waiting++] = at;
        this.#starts[waiting] = next;
        if (waiting === MAX_BATCH) waiting = this.#settle(to, view, waiting);
      }
      at = next;
    }
    this.#settle(to, view, waiting);
    if (to.role === "session" && at > this.#from) out.copy(view, this.#from, at);
    return at;
  }

  /** Looks up an id as a whole. */
  #isNewInTable(view: DataView, id: number): boolean {
    readUuidWords(view, id, this.#ids, 0);
    return this.#seen.table.add(this.#ids, 0);
  }

  /** Looks up ids that wait for that, side by side. Returns 0: how many wait then. */
  #settle(to: Link, view: DataView, waiting: number): number {
    if (waiting === 0) return 0;
    const { table } = this.#seen;
    const starts = this.#starts;
    table.warm(waiting);
    for (let i = 0; i < waiting; i++) {
      this.#hand(to, view, starts[i]!, starts[i + 1]!, table.addPrepared(i));
    }
    return 0;
  }

  /** Hands over one message, or leaves it out. Frames in a row are copied together, later. */
  #hand(to: Link, view: DataView, start: number, end: number, isNew: boolean): void {
    const { out } = to.port;
    if (to.role === "session") {
      if (isNew) return;
      if (start > this.#from) out.copy(view, this.#from, start);
      this.#from = end;
    } else if (isNew) {
      const text = start + NAMES_AT + this.#namesBytes;
      out.join(this.#prefix, this.#prefixBytes, view, text, end);
    }
  }
}

/** Behind a sender's name, in front of a text. */
const COLON_AND_SPACE = 0x3a20;

/** Whether the bytes in `view` from `at` on are those with which `other` begins; 4 at least. */
function isSame(view: DataView, at: number, other: DataView, length: number): boolean {
  for (let i = 0; i + 4 < length; i += 4) {
    if (view.getInt32(at + i) !== other.getInt32(i)) return false;
  }
  const last = length - 4;
  return view.getInt32(at + last) === other.getInt32(last);
}
