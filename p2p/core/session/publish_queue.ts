/**
 * The half of a user's session that posts: messages that nobody keeps are gathered until the turn of the
 * event loop ends, and leave many to a frame. Owns what was posted and not written yet, and how much that
 * may be; knows no sockets and no clock.
 *
 * @module
 */
import {
  checkName,
  checkTextBytes,
  ErrorCode,
  maxTextBytes,
  MessageKind,
  NetlabError,
  writeBatch,
  writeMessage,
} from "@netlab/protocol/codec";
import type { MessageIds } from "../dedup/sequence_ids.ts";
import type { Outlet } from "./send_queue.ts";

/** When so much waits to leave, whoever posts is asked to wait: bytes, as far as it is ASCII. */
const ENOUGH_BYTES = 256 * 1024;
/** What is posted all the same, beyond this, is refused. */
const MOST_BYTES = 1024 * 1024;
/** So much fills a frame, and need not wait for the end of the turn. */
const FRAME_BYTES = 64 * 1024;
/** What a text takes in a batch beside itself. */
const LENGTH_BYTES = 2;

/** There is room for more: the same promise each time, since a program may post millions. */
const ROOM = Promise.resolve();

/** Texts for one recipient, in a row. */
interface Row {
  readonly recipient: string;
  /** The longest text that fits: bytes. */
  readonly most: number;
  readonly texts: string[];
}

/** What one user posts. */
export class PublishQueue {
  readonly #sender: string;
  readonly #ids: MessageIds;
  readonly #soon: (run: () => void) => void;
  /** What was not written yet, in order. */
  #rows: Row[] = [];
  /** The one that grows. */
  #row: Row | undefined;
  /** How much all of that is. */
  #waiting = 0;
  /** Whether it will be written at the end of the turn. */
  #due = false;
  #outlet: Outlet | undefined;
  /** What those wait for for whom there was no room. */
  #room: PromiseWithResolvers<void> | undefined;
  /** Why nothing is posted any more. */
  #ended: NetlabError | undefined;

  /**
   * Nothing was posted yet.
   *
   * @param sender The user's name.
   * @param ids Ids of a stream that is used for nothing else: then its numbers arrive without gaps.
   * @param soon Calls `run` once, when the turn of the event loop ends.
   */
  constructor(sender: string, ids: MessageIds, soon: (run: () => void) => void) {
    this.#sender = sender;
    this.#ids = ids;
    this.#soon = soon;
  }

  /** Posts a message; resolves when there is room for the next one. Rejects as `P2pClient.post` does. */
  post(recipient: string, text: string): Promise<void> {
    try {
      if (this.#ended) throw this.#ended;
      if (this.#waiting >= MOST_BYTES) throw tooMuch(recipient);
      let row = this.#row;
      if (row?.recipient !== recipient) row = this.#begin(recipient);
      // A UTF-16 unit becomes three bytes at most.
      if (text.length * 3 > row.most) checkTextBytes(text, recipient, row.most);
      row.texts.push(text);
    } catch (error) {
      return quietly(Promise.reject(error));
    }
    this.#waiting += text.length + LENGTH_BYTES;
    if (!this.#due) {
      this.#due = true;
      this.#soon(this.#endTurn);
    }
    if (this.#waiting >= FRAME_BYTES) this.#write(ENOUGH_BYTES);
    if (this.#hasRoom()) return ROOM;
    if (!this.#room) {
      this.#room = Promise.withResolvers();
      quietly(this.#room.promise);
    }
    return this.#room.promise;
  }

  /** There is a connection to post on: what waits is written there. */
  attach(outlet: Outlet): void {
    this.#outlet = outlet;
    this.pump();
  }

  /** A connection is gone, and what was written to it and has not left. */
  detach(outlet: Outlet): void {
    if (this.#outlet === outlet) this.#outlet = undefined;
  }

  /** Writes what may be written: called when there is room again. */
  pump(): void {
    this.#write(ENOUGH_BYTES);
    if (!this.#room || !this.#hasRoom()) return;
    this.#room.resolve();
    this.#room = undefined;
  }

  /** Writes all that waits, however much it is: the last that is written. */
  flush(): void {
    this.#write(Infinity);
  }

  /** Gives up what was not written, and refuses all that is posted from now on. */
  end(error: NetlabError): void {
    this.#ended = error;
    this.#outlet = undefined;
    this.#rows = [];
    this.#row = undefined;
    this.#waiting = 0;
    this.#room?.reject(error);
    this.#room = undefined;
  }

  readonly #endTurn = (): void => {
    this.#due = false;
    this.pump();
  };

  #hasRoom(): boolean {
    const outlet = this.#outlet;
    return outlet !== undefined && this.#waiting + outlet.out.length < ENOUGH_BYTES;
  }

  #begin(recipient: string): Row {
    checkName(recipient);
    const most = maxTextBytes(this.#sender, recipient);
    this.#row = { recipient, most, texts: [] };
    this.#rows.push(this.#row);
    return this.#row;
  }

  /** Writes row after row while less than `enough` bytes wait on the connection. */
  #write(enough: number): void {
    const outlet = this.#outlet;
    if (!outlet || this.#waiting === 0) return;
    const { out } = outlet;
    let written = 0;
    for (const { recipient, texts } of this.#rows) {
      let at = 0;
      while (at < texts.length && out.length < enough) {
        at += outlet.batches
          ? this.#writeBatch(outlet, recipient, at === 0 ? texts : texts.slice(at))
          : this.#writeSingle(outlet, recipient, texts[at]!);
      }
      for (let i = 0; i < at; i++) this.#waiting -= texts[i]!.length + LENGTH_BYTES;
      if (at < texts.length) {
        texts.splice(0, at);
        break;
      }
      written++;
    }
    this.#rows.splice(0, written);
    if (this.#rows.length === 0) this.#row = undefined;
  }

  #writeBatch({ out }: Outlet, recipient: string, texts: readonly string[]): number {
    const id = this.#ids.next(texts.length);
    const count = writeBatch(out, { id, sender: this.#sender, recipient, texts });
    this.#ids.returnUnused(texts.length - count);
    return count;
  }

  #writeSingle({ out }: Outlet, recipient: string, text: string): number {
    const message = { id: this.#ids.next(), sender: this.#sender, recipient, text };
    writeMessage(out, message, MessageKind.Ephemeral);
    return 1;
  }
}

/** Whoever does not wait for it is not to stumble over its failure. */
function quietly(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

function tooMuch(recipient: string): NetlabError {
  return new NetlabError(
    ErrorCode.TooSlow,
    `Cannot post to ${recipient}: ${MOST_BYTES} bytes wait to leave already; ` +
      "wait for what the last post returned",
  );
}
