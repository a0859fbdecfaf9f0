/**
 * The ephemeral messages that a user posts. They are gathered until the event loop turn ends, and leave as
 * batches. Owns what was posted and not written, and how much that may be; knows no sockets and no clock.
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
import type { SessionConnection } from "./send_queue.ts";

/** When this much is queued, a post waits for room: bytes, if the texts are ASCII. */
const PAUSE_BYTES = 256 * 1024;
/** When this much is queued, a post is refused: bytes, if the texts are ASCII. */
const MAX_QUEUED_BYTES = 1024 * 1024;
/** This much fills a frame, and is written before the event loop turn ends: bytes. */
const FRAME_BYTES = 64 * 1024;
/** Bytes that a batch takes for the length of a text. */
const LENGTH_BYTES = 2;

/** Returned by every post that need not wait. It is always the same, as a program may post millions. */
const RESOLVED = Promise.resolve();

/** Texts for one recipient that were posted without one for another recipient between them. */
interface TextRun {
  readonly recipient: string;
  /** The length of the longest text that fits into a message: bytes. */
  readonly maxTextBytes: number;
  readonly texts: string[];
}

/** The ephemeral messages that one user posts. */
export class PublishQueue {
  readonly #sender: string;
  readonly #ids: MessageIds;
  readonly #atTurnEnd: (run: () => void) => void;
  /** What was not written, in order. */
  #runs: TextRun[] = [];
  /** The last of {@linkcode #runs}, to which texts are added. */
  #lastRun: TextRun | undefined;
  #queuedBytes = 0;
  /** Whether {@linkcode #endTurn} will be called at the end of this event loop turn. */
  #isTurnEndDue = false;
  #connection: SessionConnection | undefined;
  /** Resolves when there is room, for posts that wait for it. */
  #room: PromiseWithResolvers<void> | undefined;
  /** Why nothing can be posted any more. */
  #ended: NetlabError | undefined;

  /**
   * An empty queue.
   *
   * @param sender The user's name.
   * @param ids Ids of a stream that nothing else uses, so that its numbers arrive without gaps.
   * @param atTurnEnd Calls `run` once, when the event loop turn ends.
   */
  constructor(sender: string, ids: MessageIds, atTurnEnd: (run: () => void) => void) {
    this.#sender = sender;
    this.#ids = ids;
    this.#atTurnEnd = atTurnEnd;
  }

  /** Posts a message. Resolves when there is room for the next one; rejects as `P2pClient.post` does. */
  post(recipient: string, text: string): Promise<void> {
    try {
      if (this.#ended) throw this.#ended;
      if (this.#queuedBytes >= MAX_QUEUED_BYTES) throw tooMuch(recipient);
      let run = this.#lastRun;
      if (run?.recipient !== recipient) run = this.#beginRun(recipient);
      // A UTF-16 unit becomes three bytes at most.
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

  /** A connection has ended. What was written to it and did not leave is lost. */
  detach(connection: SessionConnection): void {
    if (this.#connection === connection) this.#connection = undefined;
  }

  /** Writes as much as is allowed. Called when there is room again. */
  pump(): void {
    this.#write(PAUSE_BYTES);
    if (!this.#room || !this.#hasRoom()) return;
    this.#room.resolve();
    this.#room = undefined;
  }

  /** Writes everything, however much it is: the connection is about to be closed. */
  flush(): void {
    this.#write(Infinity);
  }

  /** Drops what was not written, and refuses all further posts. */
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
   * Checks the invariants of the queue; only for tests and the simulator.
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

  /** Writes while fewer than `maxBytes` wait on the connection. */
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

  /** Writes one batch. Returns how many of the texts fit into it. */
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

/** The same promise. When the program does not await it, its rejection is not reported as unhandled. */
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
