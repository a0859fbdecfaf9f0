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
/** The shortest frame that can be a message: a header, an id, a NUL, and two more. */
const MIN_BYTES = HEADER_BYTES + UUID_TEXT_BYTES + 3;
/** Frames that are looked at together, at most. */
const MAX_BATCH = 32;
/** Two names of 255 bytes and two NULs. */
const NAMES_BYTES = 512;
/** A name of 255 bytes and two more, in words of 8 bytes. */
const PREFIX_BYTES = 264;

/** Passes on runs of messages. */
export class FastLane {
  readonly #routes: NameTable<Link>;
  readonly #seen: SeenMessages;
  /** Where each frame of a batch begins, and where the last one ends. */
  readonly #starts = new Int32Array(MAX_BATCH + 1);
  /** Their ids, four numbers each. */
  readonly #ids = new Int32Array(4 * MAX_BATCH);
  #batch = 1;
  /** The sender and the recipient of the last message of this batch, each with its NUL. */
  readonly #names = new DataView(new ArrayBuffer(NAMES_BYTES));
  #namesBytes = 0;
  /** Where it went; `undefined` when there was none. */
  #last: Link | undefined;
  /** The stream of its sender, when it came from a server and was counted. */
  #stream: Stream | undefined;
  /** Its sender and `": "`, at the end of this buffer. */
  readonly #prefix = new DataView(new ArrayBuffer(PREFIX_BYTES));
  #prefixBytes = 0;
  /** What is to be copied to whom, in one piece. */
  #to: Link | undefined;
  #from = 0;
  #until = 0;

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
    let at = start;
    for (;;) {
      const count = this.#look(view, at, end);
      const done = this.#pass(link, bytes, view, count);
      at = this.#starts[done]!;
      // Whatever stops the lane may come again and again: no more is looked at in vain than passes.
      this.#batch = done < count ? 1 : Math.min(2 * this.#batch, MAX_BATCH);
      if (done < count || count === 0) break;
    }
    this.#flush(view);
    return at;
  }

  /** Finds the frames of a batch and their ids, and has what is known of these fetched from memory. */
  #look(view: DataView, start: number, end: number): number {
    const starts = this.#starts;
    const ids = this.#ids;
    const batch = this.#batch;
    let at = start;
    let count = 0;
    for (; count < batch && end - at >= MIN_BYTES; count++) {
      const next = at + HEADER_BYTES + view.getUint16(at + 2);
      if (view.getUint16(at) !== PLAIN || next > end || next - at < MIN_BYTES) break;
      if (!readUuidWords(view, at + HEADER_BYTES, ids, 4 * count)) break;
      if (!isCounted(ids, 4 * count)) this.#seen.table.prepare(ids, 4 * count, count);
      starts[count] = at;
      at = next;
    }
    starts[count] = at;
    this.#seen.table.warm(count);
    return count;
  }

  /** Passes on the frames of a batch, until one is not in order; how many. */
  #pass(link: Link, bytes: Uint8Array, view: DataView, count: number): number {
    const starts = this.#starts;
    const ids = this.#ids;
    const seen = this.#seen;
    const ofUser = link.isUser;
    this.#last = undefined;
    this.#stream = undefined;
    for (let i = 0; i < count; i++) {
      const start = starts[i]!;
      const end = starts[i + 1]!;
      const sender = start + HEADER_BYTES + UUID_TEXT_BYTES + 1;
      // Many go the way of the one before them: then its names need no second look.
      const again = this.#last !== undefined && sender + this.#namesBytes <= end &&
        isSame(view, sender, this.#names, this.#namesBytes);
      if (bytes[sender - 1] !== 0) return i;
      if (!again && !this.#find(link, bytes, sender, end)) return i;
      const to = this.#last!;
      const text = sender + this.#namesBytes;
      if (!isAscii(view, text, end) && !isUtf8(bytes, text, end)) return i;
      const { role } = to;
      const { out } = to.port;
      if (out.length > HOLD_UP_BYTES) return i;

      if (role === "peer") {
        // Never back where it came from.
        if (to === link) return i;
        const hops = ofUser ? 1 : view.getUint16(start + 4) + 1;
        if (hops > MAX_HOPS) return i;
        view.setUint16(start + 4, hops);
        this.#copy(to, view, start, end);
        continue;
      }
      if (isCounted(ids, 4 * i)) {
        const stream = this.#streamOf(link, 4 * i, bytes, sender, end);
        if (!stream || !seen.addTo(stream, ids, 4 * i)) continue;
      } else if (!seen.table.addPrepared(i)) continue;
      if (role === "session") {
        view.setUint16(start + 4, 0);
        this.#copy(to, view, start, end);
      } else out.copy(view, this.#prepend(view, text), end);
    }
    return count;
  }

  /** Finds out where a message goes, and keeps its names; whether it is in order so far. */
  #find(link: Link, bytes: Uint8Array, sender: number, end: number): boolean {
    this.#last = undefined;
    this.#stream = undefined;
    let nul = sender;
    if (link.isUser) {
      // Nobody is impersonated: the sender is the user of the connection.
      const { nameBytes } = link;
      nul += nameBytes.length;
      if (nul >= end || bytes[nul] !== 0) return false;
      for (let i = 0; i < nameBytes.length; i++) {
        if (bytes[sender + i] !== nameBytes[i]) return false;
      }
    } else {
      // The server that it comes from has looked.
      while (nul < end && bytes[nul] !== 0) nul++;
      if (nul - sender > MAX_NAME_BYTES) return false;
    }
    const to = this.#routes.findBeforeNul(bytes, nul + 1, end);
    if (to === undefined || !(to.isUser || to.role === "peer")) return false;
    const text = this.#routes.nul + 1;
    const names = this.#names;
    for (let at = sender; at < text; at++) names.setUint8(at - sender, bytes[at]!);
    const prefix = this.#prefix;
    for (let at = nul - 1, to = PREFIX_BYTES - 3; at >= sender; at--, to--) {
      prefix.setUint8(to, bytes[at]!);
    }
    prefix.setUint16(PREFIX_BYTES - 2, 0x3a20);
    this.#prefixBytes = nul - sender + 2;
    this.#namesBytes = text - sender;
    this.#last = to;
    return true;
  }

  /** The stream of an id: a connection, or a row from one sender, goes on with the one before. */
  #streamOf(
    link: Link,
    id: number,
    bytes: Uint8Array,
    sender: number,
    end: number,
  ): Stream | undefined {
    const ids = this.#ids;
    const before = link.isUser ? link.stream : this.#stream;
    if (before?.has(ids, id)) return before;
    const stream = this.#seen.streams.get(ids, id, bytes, sender, end);
    if (link.isUser) link.stream = stream;
    else this.#stream = stream;
    return stream;
  }

  /**
   * Puts `sender: ` in front of a text, where the names were, so that all is one piece; 8 bytes at a
   * time, which may reach into the id. Returns where it begins.
   */
  #prepend(view: DataView, text: number): number {
    const from = text - this.#prefixBytes;
    const prefix = this.#prefix;
    for (let at = text - 8, i = PREFIX_BYTES - 8; at > from - 8; at -= 8, i -= 8) {
      view.setBigInt64(at, prefix.getBigInt64(i));
    }
    return from;
  }

  /** Writes a frame to a connection, in one piece with what goes there just before it. */
  #copy(to: Link, view: DataView, start: number, end: number): void {
    if (to !== this.#to || start !== this.#until) {
      this.#flush(view);
      this.#to = to;
      this.#from = start;
    }
    this.#until = end;
  }

  #flush(view: DataView): void {
    this.#to?.port.out.copy(view, this.#from, this.#until);
    this.#to = undefined;
    this.#until = 0;
  }
}

/** Whether the bytes in `view` from `at` on are those with which `other` begins. */
function isSame(view: DataView, at: number, other: DataView, length: number): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    if (view.getInt32(at + i) !== other.getInt32(i)) return false;
  }
  for (; i < length; i++) if (view.getUint8(at + i) !== other.getUint8(i)) return false;
  return true;
}
