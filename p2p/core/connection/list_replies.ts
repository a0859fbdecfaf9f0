/**
 * The answers to information requests. They are the same for everyone, so their bytes are made once and sent to
 * many. Owns when they are made anew, and how a long list is sent piece by piece. Does not know what is listed.
 *
 * @module
 */
import {
  FrameWriter,
  Information,
  InformationParts,
  writeInformationResponse,
} from "@netlab/protocol/codec";
import type { Connection } from "./connection.ts";

/** A list is sent as long as fewer bytes than this wait on the connection. */
const ROOM_BYTES = 64 * 1024;
/** Lists that are not longer are always up to date: bytes. */
const SHORT_BYTES = 4 * 1024;
/** Longer ones are made at most once in the time in which a server could send them with 3 MB a second. */
const BYTES_PER_MS = 3_000;

/** A list as frames. They are made when the first connection needs them. */
class Frames {
  /** When the first one was made: milliseconds since 1970. */
  readonly madeAt: number;
  /** The size of those that were made: bytes. */
  bytes = 0;
  readonly #frames: Uint8Array[] = [];
  /** Writes the next one. Returns whether it is the last. Unset after that. */
  #more: ((out: FrameWriter) => boolean) | undefined;

  constructor(kind: number, items: Iterable<string>, madeAt: number) {
    this.madeAt = madeAt;
    if (kind === Information.AllServers || kind === Information.AllUsers) {
      const parts = new InformationParts(kind, items);
      this.#more = (out) => parts.write(out);
    } else {
      this.#more = (out) => {
        writeInformationResponse(out, kind, items);
        return true;
      };
    }
  }

  /** Returns a frame by its number; `undefined` after the last. */
  at(index: number): Uint8Array | undefined {
    if (index === this.#frames.length && this.#more) {
      const out = new FrameWriter();
      if (this.#more(out)) this.#more = undefined;
      const taken = out.take();
      this.#frames.push(taken.slice());
      this.bytes += taken.length;
      out.recycle(taken);
    }
    return this.#frames[index];
  }
}

/** One list, which changes now and then. */
export class List {
  readonly #kind: number;
  #frames: Frames | undefined;
  #isChanged = false;

  /** Creates a list for one kind of `Information`. */
  constructor(kind: number) {
    this.#kind = kind;
  }

  /** Records that the items are others now. */
  changed(): void {
    this.#isChanged = true;
  }

  /**
   * Returns the frames of the list.
   *
   * @param items Returns the items. Called when the list has changed. Long ones are read piece by piece later.
   * @param now The current time: milliseconds since 1970.
   */
  frames(
    items: () => Iterable<string>,
    now: number,
  ): { at(index: number): Uint8Array | undefined } {
    const frames = this.#frames;
    if (frames) {
      if (!this.#isChanged) return frames;
      const isDue = now - frames.madeAt >= frames.bytes / BYTES_PER_MS;
      if (frames.bytes > SHORT_BYTES && !isDue) return frames;
    }
    this.#isChanged = false;
    return this.#frames = new Frames(this.#kind, items(), now);
  }
}

/** The rest of a list for one connection. */
interface Rest {
  readonly frames: { at(index: number): Uint8Array | undefined };
  next: number;
}

/** Sends lists to connections. */
export class ListReplies {
  readonly #rests = new Map<Connection, Rest[]>();

  /** Sends a list. Of a long one, the rest follows when the other side has read the beginning. */
  send(connection: Connection, frames: Rest["frames"]): void {
    const rest = { frames, next: 0 };
    const earlier = this.#rests.get(connection);
    if (earlier) earlier.push(rest);
    else if (!write(connection, rest)) {
      this.#rests.set(connection, [rest]);
      connection.isReplying = true;
    }
  }

  /** Continues. Call it when the connection has sent everything. */
  drained(connection: Connection): void {
    if (!connection.isReplying) return;
    const rests = this.#rests.get(connection)!;
    while (rests.length > 0 && write(connection, rests[0]!)) rests.shift();
    if (rests.length === 0) this.closed(connection);
  }

  /** Forgets what waits for a connection. */
  closed(connection: Connection): void {
    if (!connection.isReplying) return;
    connection.isReplying = false;
    this.#rests.delete(connection);
  }
}

/** Writes as much of a list as there is room for. Returns whether it is complete. */
function write({ out }: Connection, rest: Rest): boolean {
  for (;;) {
    const frame = rest.frames.at(rest.next);
    if (!frame) return true;
    if (rest.next > 0 && out.length >= ROOM_BYTES) return false;
    out.raw(frame);
    rest.next++;
  }
}
