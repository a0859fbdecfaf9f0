/**
 * Queues the ephemeral messages that a user posts, and writes them as batches when the event loop turn ends.
 * Owns the messages that are not written yet, and the limits on their number. Does not know sockets or
 * clocks.
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
import type { SessionConnection } from "./session_connection.ts";

/** The amount of queued and unsent data at which a post waits for room: bytes, if the texts are ASCII. */
const PAUSE_BYTES = 256 * 1024;
/** The amount of queued data at which a post is refused: bytes, if the texts are ASCII. */
const MAX_QUEUED_BYTES = 1024 * 1024;
/**
 * The amount of queued data that fills a frame, so that it is written before the event loop turn ends: bytes,
 * if the texts are ASCII.
 */
const FRAME_BYTES = 64 * 1024;
/** The size of the length field that a batch has for each text: bytes. */
const LENGTH_BYTES = 2;

/** Shared by all posts that need not wait, because a program may post millions. */
const RESOLVED = Promise.resolve();

/** Consecutive texts for one recipient. */
interface TextRun {
  readonly recipient: string;
  /** The most bytes that a text may have to fit into a message. */
  readonly maxTextBytes: number;
  readonly texts: string[];
}

/** The ephemeral messages that one user posts. */
export class PublishQueue {
  readonly #sender: string;
  readonly #ids: MessageIds;
  readonly #atTurnEnd: (run: () => void) => void;
  /** The texts that are not written yet, in order. */
  #runs: TextRun[] = [];
  /** The last of {@linkcode #runs}, to which texts are added. */
  #lastRun: TextRun | undefined;
  #queuedBytes = 0;
  /** Whether {@linkcode #endTurn} is scheduled for the end of this event loop turn. */
  #isTurnEndDue = false;
  #connection: SessionConnection | undefined;
  /** Resolves when there is room. Shared by all posts that wait. */
  #room: PromiseWithResolvers<void> | undefined;
  /** The reason why nothing can be posted any more. */
  #ended: NetlabError | undefined;

  /**
   * Makes an empty queue.
   *
   * @param sender The name of the user.
   * @param ids Makes ids of a stream that only this queue uses, so that its numbers arrive without gaps.
   * @param atTurnEnd Calls `run` once when the event loop turn ends.
   */
  constructor(sender: string, ids: MessageIds, atTurnEnd: (run: () => void) => void) {
    this.#sender = sender;
    this.#ids = ids;
    this.#atTurnEnd = atTurnEnd;
  }

  /** Posts a message. Resolves when there is room for the next one. Rejects as `P2pClient.post` does. */
  post(recipient: string, text: string): Promise<void> {
    try {
      if (this.#ended) throw this.#ended;
      if (this.#queuedBytes >= MAX_QUEUED_BYTES) throw tooMuch(recipient);
      let run = this.#lastRun;
      if (run?.recipient !== recipient) run = this.#beginRun(recipient);
      // A UTF-16 unit takes at most three bytes.
      if (text.length * 3 > run.maxTextBytes) checkTextBytes(text, recipient, run.maxTextBytes);
      run.texts.push(text);
    } catch (error) {
      return withoutUnhandledRejection(Promise.reject(error));
    }
    this.#queuedBytes += text.length + LENGTH_BYTES;
    if (!this.#isTurnEndDue) {
      this.#isTurnEndDue = true;
      this.#atTurnEnd(this.#endTurn);
    }
    if (this.#queuedBytes >= FRAME_BYTES) this.#write(PAUSE_BYTES);
    if (this.#hasRoom()) return RESOLVED;
    if (!this.#room) {
      this.#room = Promise.withResolvers();
      withoutUnhandledRejection(this.#room.promise);
    }
    return this.#room.promise;
  }

  /** Writes to this connection from now on. */
  attach(connection: SessionConnection): void {
    this.#connection = connection;
    this.pump();
  }

  /** Handles the end of a connection. Data that was written but not sent is lost. */
  detach(connection: SessionConnection): void {
    if (this.#connection === connection) this.#connection = undefined;
  }

  /** Writes as much as is allowed. Call it when a connection has room again. */
  pump(): void {
    this.#write(PAUSE_BYTES);
    if (!this.#room || !this.#hasRoom()) return;
    this.#room.resolve();
    this.#room = undefined;
  }

  /** Writes everything that is queued, because the connection is about to be closed. */
  flush(): void {
    this.#write(Infinity);
  }

  /** Drops what is not written and refuses all further posts. */
  end(error: NetlabError): void {
    this.#ended = error;
    this.#connection = undefined;
    this.#runs = [];
    this.#lastRun = undefined;
    this.#queuedBytes = 0;
    this.#room?.reject(error);
    this.#room = undefined;
  }

  /**
   * Checks the invariants of the queue. Only for tests and the simulator.
   *
   * @throws {Error} When its runs and counters disagree.
   */
  check(): void {
    let bytes = 0;
    for (const { texts } of this.#runs) {
      for (const text of texts) bytes += text.length + LENGTH_BYTES;
    }
    if (bytes !== this.#queuedBytes) {
      throw new Error(`${bytes} bytes are queued, not ${this.#queuedBytes}`);
    }
    if (this.#lastRun !== this.#runs.at(-1)) throw new Error("The last run is not the last one");
  }

  readonly #endTurn = (): void => {
    this.#isTurnEndDue = false;
    this.pump();
  };

  #hasRoom(): boolean {
    const connection = this.#connection;
    return connection !== undefined && this.#queuedBytes + connection.out.length < PAUSE_BYTES;
  }

  #beginRun(recipient: string): TextRun {
    checkName(recipient);
    const run = { recipient, maxTextBytes: maxTextBytes(this.#sender, recipient), texts: [] };
    this.#runs.push(run);
    return this.#lastRun = run;
  }

  /** Writes queued texts while fewer than `maxBytes` bytes wait to be sent on the connection. */
  #write(maxBytes: number): void {
    const connection = this.#connection;
    if (!connection || this.#queuedBytes === 0) return;
    const { out } = connection;
    let written = 0;
    for (const { recipient, texts } of this.#runs) {
      let at = 0;
      while (at < texts.length && out.length < maxBytes) {
        at += connection.batches
          ? this.#writeBatch(connection, recipient, at === 0 ? texts : texts.slice(at))
          : this.#writeSingle(connection, recipient, texts[at]!);
      }
      for (let i = 0; i < at; i++) this.#queuedBytes -= texts[i]!.length + LENGTH_BYTES;
      if (at < texts.length) {
        texts.splice(0, at);
        break;
      }
      written++;
    }
    this.#runs.splice(0, written);
    if (this.#runs.length === 0) this.#lastRun = undefined;
  }

  /** Writes one batch. Returns the number of texts that it contains. */
  #writeBatch({ out }: SessionConnection, recipient: string, texts: readonly string[]): number {
    const id = this.#ids.next(texts.length);
    const count = writeBatch(out, { id, sender: this.#sender, recipient, texts });
    this.#ids.returnUnused(texts.length - count);
    return count;
  }

  #writeSingle({ out }: SessionConnection, recipient: string, text: string): number {
    const message = { id: this.#ids.next(), sender: this.#sender, recipient, text };
    writeMessage(out, message, MessageKind.Ephemeral);
    return 1;
  }
}

/** Returns `promise` after marking its rejection as handled, in case the program does not await it. */
function withoutUnhandledRejection(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

function tooMuch(recipient: string): NetlabError {
  return new NetlabError(
    ErrorCode.TooSlow,
    `Cannot post to ${recipient}: ${MAX_QUEUED_BYTES} bytes are queued already; ` +
      "await the promise of each post",
  );
}
