/**
 * The hot path: messages that nobody keeps, from a user or a server to one that is known, taken straight
 * from the buffer in which they were read to the buffer from which they are written. It takes only what
 * is in order in every respect; at the first frame that is not, it stops, and the relay decides about
 * that one, with the same outcome where both could. So nothing here says no, and whoever reads for the
 * rules reads `relay.ts`. Why each step is done the way it is, and what it costs, stands in
 * `docs/performance.md`.
 *
 * @module
 */
import { HEADER_BYTES, isAscii, isUtf8, readUuidWords, UUID_TEXT_BYTES } from "@netlab/protocol";
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

/** Passes on runs of messages. */
export class FastLane {
  readonly #routes: NameTable<Link>;
  readonly #seen: SeenMessages;
  /** Where each frame of a batch begins, and where the last one ends. */
  readonly #starts = new Int32Array(MAX_BATCH + 1);
  /** Their ids, four numbers each. */
  readonly #ids = new Int32Array(4 * MAX_BATCH);
  #batch = 1;
  /** What is to be copied to whom, in one piece. */
  #to: Link | undefined;
  #from = 0;
  #until = 0;
  /** Keeps the reads of {@linkcode SeenTable.touch} from being left out. */
  touched = 0;

  /** A lane for recipients that stand in `routes`: a user of this server, or the link toward theirs. */
  constructor(routes: NameTable<Link>, seen: SeenMessages) {
    this.#routes = routes;
    this.#seen = seen;
  }

  /**
   * Passes on the messages that `link` sent and that lie in `bytes` from `start` on, as far as all is in
   * order. Writes into the headers of what it passes on. Returns where the first begins that it left.
   */
  run(link: Link, bytes: Uint8Array, start: number, end: number): number {
    if (end - start < MIN_BYTES || bytes[start] !== 3 || bytes[start + 1] !== 0) return start;
    if (!link.isUser && link.role !== "peer") return start;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = start;
    for (;;) {
      const count = this.#look(bytes, view, at, end);
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
  #look(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const starts = this.#starts;
    const ids = this.#ids;
    const batch = this.#batch;
    let at = start;
    let count = 0;
    for (; count < batch && end - at >= MIN_BYTES; count++) {
      const next = at + HEADER_BYTES + view.getUint16(at + 2);
      if (view.getUint16(at) !== PLAIN || next > end || next - at < MIN_BYTES) break;
      if (!readUuidWords(bytes, at + HEADER_BYTES, ids, 4 * count)) break;
      starts[count] = at;
      at = next;
    }
    starts[count] = at;
    const { table } = this.#seen;
    let touched = 0;
    for (let i = 0; i < count; i++) if (!isCounted(ids, 4 * i)) touched ^= table.touch(ids, 4 * i);
    this.touched = touched;
    return count;
  }

  /** Passes on the frames of a batch, until one is not in order; how many. */
  #pass(link: Link, bytes: Uint8Array, view: DataView, count: number): number {
    const starts = this.#starts;
    const ids = this.#ids;
    const routes = this.#routes;
    const seen = this.#seen;
    const ofUser = link.isUser;
    const { nameBytes } = link;
    for (let i = 0; i < count; i++) {
      const start = starts[i]!;
      const end = starts[i + 1]!;
      const sender = start + HEADER_BYTES + UUID_TEXT_BYTES + 1;
      if (bytes[sender - 1] !== 0) return i;

      const counted = isCounted(ids, 4 * i);
      let stream: Stream | undefined;
      let nul = sender;
      if (ofUser) {
        // Nobody is impersonated: the sender is the user of the connection.
        nul += nameBytes.length;
        if (nul >= end || bytes[nul] !== 0) return i;
        for (let k = 0; k < nameBytes.length; k++) if (bytes[sender + k] !== nameBytes[k]) return i;
        if (counted) {
          stream = link.stream;
          if (!stream?.has(ids, 4 * i)) {
            link.stream = stream = seen.streams.get(ids, 4 * i, bytes, sender, end);
          }
        }
      } else if (counted) {
        stream = seen.streams.get(ids, 4 * i, bytes, sender, end);
        nul = seen.streams.nul;
        if (nul < 0) return i;
      } else {
        while (nul < end && bytes[nul] !== 0) nul++;
      }

      const to = routes.findBeforeNul(bytes, nul + 1, end);
      if (to === undefined) return i;
      const text = routes.nul + 1;
      if (!isAscii(view, text, end) && !isUtf8(bytes, text, end)) return i;
      if (to.port.out.length > HOLD_UP_BYTES) return i;
      const { role } = to;
      if (role === "peer") {
        // Never back where it came from.
        if (to === link) return i;
        const hops = ofUser ? 1 : view.getUint16(start + 4) + 1;
        if (hops > MAX_HOPS) return i;
        view.setUint16(start + 4, hops);
        this.#copy(to, view, start, end);
        continue;
      }
      if (role !== "session" && role !== "bare") return i;

      const isNew = stream ? seen.addTo(stream, ids, 4 * i) : seen.table.add(ids, 4 * i);
      if (!isNew) continue;
      if (role === "session") {
        view.setUint16(start + 4, 0);
        this.#copy(to, view, start, end);
        continue;
      }
      // "sender: " goes where the recipient's name ends, so that all is one piece. The name before it
      // is shorter by as much as comes between, so nothing is written over before it is read.
      const from = text - 2 - (nul - sender);
      for (let k = nul - sender - 1; k >= 0; k--) bytes[from + k] = bytes[sender + k]!;
      bytes[text - 2] = 0x3a;
      bytes[text - 1] = 0x20;
      to.port.out.copy(view, from, end);
    }
    return count;
  }

  /** Writes to a connection, in one piece with what goes there just before it. */
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
