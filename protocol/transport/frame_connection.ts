/**
 * Carries frames on a TCP or TLS connection. Owns when it is read and written, the limit of pending bytes,
 * and how it ends. Does not know what frames mean.
 *
 * @module
 */
import { ProtocolError } from "../codec/errors.ts";
import { MAX_PAYLOAD_BYTES } from "../codec/frame.ts";
import { FrameWriter } from "../codec/frame_writer.ts";
import { FlushScheduler } from "./flush_scheduler.ts";
import type {
  ByteConnection,
  FrameConnectionOptions,
  FrameHandler,
  Traffic,
} from "./frame_handler.ts";
import { charge, handlePiece } from "./piece.ts";
import { LOOKOUT } from "./lookout.ts";
import { ReadBuffer } from "./read_buffer.ts";
import { mustWait, readLimit, tooSlow, UnreadTimer } from "./reply_gate.ts";
import { Turns } from "./turns.ts";

export type * from "./frame_handler.ts";

/** A connection that is being closed waits for the other side until so much has arrived and was dropped: bytes. */
const MAX_DROPPED_BYTES = 1024 * 1024;

/**
 * A connection that reads and writes frames. It reads into a buffer that it reuses, and passes frames to the
 * handler as ranges of that buffer. Everything that is written to {@linkcode FrameConnection.out} in one event
 * loop turn is sent with one write. At most one write is in progress.
 *
 * @example
 * ```ts
 * import { FrameConnection, FrameType } from "@netlab/protocol";
 *
 * // One side answers every frame with itself.
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const { port } = listener.addr;
 * const connection = new FrameConnection(await Deno.connect({ hostname: "127.0.0.1", port }));
 * const other = new FrameConnection(await listener.accept());
 * const answering = other.run({ frame: (frame) => other.out.forward(frame, 0) });
 *
 * // The other side sends one, and closes when it comes back.
 * connection.out.frame(FrameType.Echo, 0, new TextEncoder().encode("hi"));
 * await connection.run({
 *   frame(frame) {
 *     if (frame.type === FrameType.Echo) connection.close();
 *   },
 * });
 * await answering;
 * ```
 */
export class FrameConnection {
  static readonly #turns = new Turns();
  static readonly #scheduler = new FlushScheduler<FrameConnection>({
    write: (connection) => connection.#flush(),
    read: (connection, isOneOfMany) => connection.#readOn(isOneOfMany),
    isLargeRead: (connection) => !connection.#closed && connection.#buffer.isNextLarge,
  });
  // The same functions for all connections, because there may be a hundred thousand of them.
  static readonly #onFirstByte = (connection: FrameConnection) => connection.#flushSoon();
  static readonly #onOverflow = (connection: FrameConnection) =>
    connection.abort(
      tooSlow(`more than ${connection.out.maxBytes} bytes wait for the other side to read`),
    );
  /** The writer for frames to the other side. The frames are sent at the end of the event loop turn. */
  readonly out: FrameWriter;
  /** The work that its frames have caused lately: units. */
  recentUnits = 0;
  /** How much of it delivers nothing: units. */
  recentCharged = 0;
  /** Since when that is counted: milliseconds. */
  recentSince = 0;
  /** The IP address at the other end, if this side has dialled. */
  readonly ip: string | undefined;
  readonly #conn: ByteConnection;
  readonly #traffic: Traffic | undefined;
  readonly #maxPayloadBytes: number;
  readonly #lingerMs: number;
  readonly #onBytesRead: (count: number | null) => void;
  readonly #onReadFailed: (error: unknown) => void;
  readonly #buffer = new ReadBuffer();
  /** Handles what arrives. Unset as soon as the connection starts to close. */
  #handler: FrameHandler | undefined;
  /** The handler to notify when the connection has ended. Unset after that. */
  #owner: FrameHandler | undefined;
  #onBytes: ((bytes: Uint8Array, isCut: boolean) => void) | undefined;
  #paused = false;
  /** Whether whole frames may be in the buffer. No read is in progress then. */
  #hasFrames = false;
  /** Whether the rest of a reply waits for the turn of this connection. */
  #isReplyDue = false;
  /** How many of the bytes that wait are replies, at most. */
  #replyBytes = 0;
  /** Set while frames wait because the other side does not read its replies. */
  #held: UnreadTimer | undefined;
  readonly #maxUnreadMs: number;
  /** Whether a read is in progress, its data is being handled, or the next read is scheduled. */
  #reading = false;
  /** Whether the other side has closed its writing half. */
  #atEnd = false;
  /** Whether a write is scheduled for the end of the event loop turn. */
  #due = false;
  #writing: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Settles the promise of {@linkcode FrameConnection.run}. */
  #onClosed: ((error: unknown) => void) | undefined;
  /** Ends the wait of {@linkcode FrameConnection.close} for the other side. */
  #onEnd: (() => void) | undefined;
  #closed = false;
  /** How much has arrived since the connection began to close: bytes. */
  #droppedBytes = 0;
  #error: unknown;

  /** Takes over `conn`: only this object reads, writes and closes it. */
  constructor(conn: ByteConnection, options: FrameConnectionOptions = {}) {
    this.#conn = conn;
    this.ip = options.ip;
    this.#traffic = options.traffic;
    this.#maxPayloadBytes = options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES;
    this.#lingerMs = options.lingerMs ?? 1_000;
    this.#maxUnreadMs = options.maxUnreadMs ?? 30_000;
    this.out = new FrameWriter({
      maxBytes: options.maxPendingBytes ?? 16 * 1024 * 1024,
      total: options.total,
      owner: this,
      onFirstByte: FrameConnection.#onFirstByte,
      onOverflow: FrameConnection.#onOverflow,
    });
    // Made once and not for each read. An async function that waits would cost an idle connection more memory.
    this.#onBytesRead = (count) => this.#onRead(count);
    this.#onReadFailed = (error) => {
      if (!this.#closed) this.#fail(error);
      this.#afterRead();
    };
  }

  /** Whether the connection is encrypted, so that nobody on the way can read it. */
  get isEncrypted(): boolean {
    return this.#conn.isEncrypted ?? false;
  }

  /** Whether bytes wait until the system can take them. */
  get isWriting(): boolean {
    return this.#writing !== undefined || this.out.length > 0;
  }

  /** Whether nothing is read because the other side does not read its replies. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Whether the handler does not know the other side. */
  get isStranger(): boolean {
    return this.#handler?.isStranger?.() ?? false;
  }

  /** Whether the other side is a server. */
  get isLink(): boolean {
    return this.#handler?.isLink?.() ?? false;
  }

  /** Whether the connection is closed and neither reads nor writes. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Reads until the connection ends, and passes every frame to `handler`. Resolves when either side has closed
   * the connection and the socket is closed.
   *
   * @throws {ProtocolError} When a header announces a payload that is too long.
   * @throws {NetlabError} {@linkcode ErrorCode.TooSlow} when too many bytes wait for the other side.
   * @throws {Error} The error of the socket, such as a reset, or the error that `handler` threw.
   */
  run(handler: FrameHandler): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onClosed = (error) => error === undefined ? resolve() : reject(error);
      this.start(handler);
    });
  }

  /** Reads as `run` does, without a promise: calls {@linkcode FrameHandler.closed} at the end. */
  start(handler: FrameHandler): void {
    this.#owner = handler;
    if (this.#closed) return this.#tellClosed();
    if (!this.#closing) this.#handler = handler;
    this.#read();
  }

  /**
   * Passes the bytes that arrive from now on to `onBytes`, and no frames to the handler. `isCut` is set when more bytes
   * may have arrived together with these.
   */
  readBytes(onBytes: (bytes: Uint8Array, isCut: boolean) => void): void {
    this.#onBytes = onBytes;
  }

  /**
   * Counts more work for the frame that is being handled, which delivers nothing: as many units as small frames take
   * as long.
   */
  charge(units: number): void {
    charge(units);
  }

  /** Stops reading until {@linkcode FrameConnection.resume}. TCP then slows the sender down. */
  pause(): void {
    this.#paused = this.#closing === undefined;
  }

  /** Continues to read after {@linkcode FrameConnection.pause}. */
  resume(): void {
    this.#paused = false;
    if (this.#owner) this.#read();
  }

  /**
   * Writes the pending bytes, then closes the writing half. Frames that still arrive are passed to the
   * handler until the other side closes too. Drops everything that is written after this call.
   */
  end(): Promise<void> {
    this.#ending ??= this.#endWriting();
    return this.#ending;
  }

  /**
   * Writes the pending bytes, then closes. Drops frames that still arrive. Waits up to the linger time for
   * the write and for the other side to close, or for a megabyte of such frames. Closing earlier would reset the connection and lose bytes that
   * the other side has not read.
   */
  close(): Promise<void> {
    this.#handler = undefined;
    // Usually the other side has closed and nothing is pending, so there is no need to wait.
    if (this.#atEnd && !this.#writing && this.out.length === 0) this.abort();
    this.#closing ??= this.#linger();
    return this.#closing;
  }

  /**
   * Closes at once and drops the pending bytes. {@linkcode FrameConnection.run} throws `reason` if it is
   * given.
   */
  abort(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler = undefined;
    this.#error ??= reason;
    this.#conn.close();
    this.out.leave();
    FrameConnection.#turns.leave(this);
    this.#held?.stop();
    this.#held = undefined;
    this.#onEnd?.();
    if (!this.#reading) this.#tellClosed();
  }

  async #endWriting(): Promise<void> {
    if (this.#closed) return;
    this.resume();
    try {
      this.#flush();
      await this.#writing;
      if (!this.#closed) await this.#conn.closeWrite();
    } catch (error) {
      this.abort(error);
    }
  }

  async #linger(): Promise<void> {
    if (this.#closed) return;
    this.#paused = false;
    const timer = setTimeout(() => this.abort(), this.#lingerMs);
    await this.end();
    if (!this.#atEnd && !this.#closed) {
      const ended = new Promise<void>((resolve) => this.#onEnd = resolve);
      this.#read();
      await ended;
    }
    clearTimeout(timer);
    this.abort();
  }

  /** Starts a read, unless one is in progress or frames wait. */
  #read(isOneOfMany = false): void {
    if (this.#reading || this.#paused || this.#atEnd || this.#closed) return;
    // While the connection is being closed, data that arrives is dropped.
    if (!this.#handler) {
      this.#buffer.start = this.#buffer.end;
      this.#hasFrames = false;
    }
    if (this.#hasFrames) {
      if (!this.isHeld) FrameConnection.#turns.wait(this);
      return;
    }
    this.#reading = true;
    this.#conn.read(this.#buffer.room(isOneOfMany)).then(this.#onBytesRead, this.#onReadFailed);
  }

  #onRead(count: number | null): void {
    LOOKOUT.begin(this);
    if (count === null) this.#atEnd = true;
    if (!this.#closed) {
      try {
        if (count === null) this.#handler?.ended?.();
        else this.#handle(count);
      } catch (error) {
        this.#fail(error);
      }
      if (count === null) void this.close();
    }
    this.#afterRead();
  }

  /** Passes the data that has arrived to the handler, now or when it is the turn of this connection. */
  #handle(count: number): void {
    const buffer = this.#buffer;
    if (this.#traffic) this.#traffic.bytesRead += count;
    buffer.add(count);
    if (!this.#handler) {
      this.#droppedBytes += count;
      if (this.#droppedBytes > MAX_DROPPED_BYTES) this.abort();
      return;
    }
    if (this.#onBytes) {
      this.#onBytes(buffer.bytes.subarray(buffer.start, buffer.end), buffer.isFilled);
      buffer.start = buffer.end;
      return buffer.settle();
    }
    this.#hasFrames = true;
    if (FrameConnection.#turns.mayWork(this)) this.#work();
  }

  /** Does a piece of the work that waits. Only for the connections that take turns. */
  work(): boolean {
    if (this.#isReplyDue) return this.#replyOn();
    if (this.#reading || this.#paused || this.isHeld || !this.#hasFrames) return false;
    if (this.#handler) {
      try {
        this.#work();
      } catch (error) {
        this.#fail(error);
      }
      if (this.#hasFrames && this.#handler && !this.#paused) return !this.isHeld;
    }
    // The next read waits for the writes, as after any other.
    this.#reading = !this.#closed;
    if (this.#reading) this.#afterRead();
    return false;
  }

  /** Writes more of a reply. Returns whether frames wait as well. */
  #replyOn(): boolean {
    this.#isReplyDue = false;
    if (this.#closed) return false;
    const before = this.out.length;
    this.#drained();
    const units = (this.out.length - before) >> 10;
    FrameConnection.#turns.spent(units, units, this);
    return this.#hasFrames && !this.isHeld;
  }

  /** Handles one piece of what is in the buffer. */
  #work(): void {
    const buffer = this.#buffer;
    const handler = this.#handler!;
    const before = this.out.length;
    const { units, charged, isCut } = handlePiece(buffer, this.#maxPayloadBytes, {
      handler: () => this.#handler,
      replied: () => this.out.length - before,
      mustStop: (replied) => this.#paused || mustWait(handler, this.#replyBytes + replied),
    });
    this.#hasFrames = isCut;
    buffer.limit(isCut ? readLimit(handler) : Infinity);
    if (!isCut) buffer.settle();
    this.#handler?.flush?.();
    if (units === 0) return;
    this.#replyBytes += Math.max(0, this.out.length - before);
    FrameConnection.#turns.spent(units, charged, this);
    if (this.#closed || !mustWait(handler, this.#replyBytes)) return;
    this.#hasFrames = true;
    this.#held ??= new UnreadTimer(this.#maxUnreadMs, (error) => this.abort(error));
  }

  /** Ends the connection after an error of the handler, the socket or the other side. */
  #fail(error: unknown): void {
    this.#error ??= error;
    if (!(error instanceof ProtocolError)) return this.abort();
    try {
      this.#owner?.violation?.(error);
      void this.close();
    } catch (cause) {
      this.abort(cause);
    }
  }

  /** Schedules the next read after one has been handled, unless the connection has ended. */
  #afterRead(): void {
    if (this.#atEnd || this.#closed) {
      this.#reading = false;
      this.#onEnd?.();
      if (this.#closed) this.#tellClosed();
      return;
    }
    FrameConnection.#scheduler.read(this);
  }

  #readOn(isOneOfMany: boolean): void {
    this.#reading = false;
    if (this.#closed) this.#tellClosed();
    else this.#read(isOneOfMany);
  }

  #flushSoon(): void {
    if (this.#writing || this.#due) return;
    // Drops the bytes, because the writing half is closed. A write would fail and end the reading half too.
    if (this.#ending || this.#closed) return this.out.recycle(this.out.take());
    this.#due = true;
    FrameConnection.#scheduler.write(this);
  }

  #flush(): void {
    if (!this.#due) return;
    this.#due = false;
    if (this.out.length > 0 && !this.#closed) this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    const out = this.out;
    try {
      while (out.length > 0 && !this.#closed) {
        const taken = out.take();
        let at = await this.#conn.write(taken);
        while (at < taken.length) {
          this.#held?.progressed();
          at += await this.#conn.write(taken.subarray(at));
        }
        out.recycle(taken);
        if (this.#traffic) this.#traffic.bytesWritten += at;
        if (this.#replyBytes > 0 || this.#held) this.#written();
      }
      this.#writing = undefined;
      this.#isReplyDue = this.#handler?.isReplying?.() ?? false;
      if (this.#isReplyDue) FrameConnection.#turns.wait(this);
      else this.#drained();
    } catch (error) {
      this.#writing = undefined;
      this.abort(error);
    }
  }

  /** Tells the handler that everything was sent. */
  #drained(): void {
    this.#handler?.drained?.();
    if (!this.isHeld) return;
    // What was written just now is the rest of a reply.
    this.#replyBytes += this.out.length;
    this.#written();
  }

  /** Handles frames again that waited until the other side has read replies, if it has. */
  #written(): void {
    this.#replyBytes = Math.min(this.#replyBytes, this.out.length);
    if (!this.#held) return;
    this.#held.progressed();
    // After `end`, replies are dropped.
    if (!this.#ending && this.#handler && mustWait(this.#handler, this.#replyBytes)) return;
    this.#held.stop();
    this.#held = undefined;
    this.#read();
  }

  #tellClosed(): void {
    this.#buffer.release();
    const owner = this.#owner;
    if (!owner) return;
    this.#owner = undefined;
    const tell = () => {
      owner.closed?.(this.#error);
      this.#onClosed?.(this.#error);
    };
    // The calls are delayed because the caller of `abort` may be in the middle of a change.
    if (this.#conn.ended) void this.#conn.ended.then(tell);
    else queueMicrotask(tell);
  }
}
