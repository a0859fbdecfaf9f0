/**
 * One TCP or TLS connection as frames. Owns when it is read and written, the bound of what waits, and
 * how it ends; knows nothing of what frames mean.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "../codec/errors.ts";
import { Frame, type FrameRun, MAX_PAYLOAD_BYTES, readFrames } from "../codec/frame.ts";
import { FrameWriter } from "../codec/frame_writer.ts";
import { ReadBuffer } from "./read_buffer.ts";
import { TurnEnd } from "./turn_end.ts";

/** What a {@linkcode FrameConnection} needs of a socket: `Deno.TcpConn` and `Deno.TlsConn` have it. */
export interface ByteConnection {
  /** Fills `buffer` from its start; how many bytes it took, or `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes from the start of `bytes`; how many it took. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the writing half. */
  closeWrite(): Promise<void>;
  /** Ends both halves. */
  close(): void;
}

/** What happens on a {@linkcode FrameConnection}. An error that any of these throws ends it. */
export interface FrameHandler {
  /** A frame came in; it is valid until this returns. */
  frame(frame: Frame): void;
  /** Takes frames before {@linkcode FrameHandler.frame} does, many in one call; the rest it leaves. */
  run?: FrameRun;
  /** All frames of one read have been handed over. */
  turn?(): void;
  /** The other side has ended its half: no more frames will come, what is written still goes out. */
  ended?(): void;
  /** The other side broke the protocol; what is written now are the last words before the end. */
  violation?(error: ProtocolError): void;
  /** Nothing waits to be written any more. */
  drained?(): void;
  /**
   * The connection has ended, and its socket is closed; the last that is heard of it.
   *
   * @param error Why, when it did not end in good order: what {@linkcode FrameConnection.run} throws.
   */
  closed?(error: unknown): void;
}

/** How a {@linkcode FrameConnection} behaves. */
export interface FrameConnectionOptions {
  /**
   * The longest payload that is taken, 0 to 65,535 bytes.
   *
   * @default {65535}
   */
  maxPayloadBytes?: number;
  /**
   * How many bytes may wait to be written before the connection is given up: the other side does not
   * read.
   *
   * @default {16777216}
   */
  maxPendingBytes?: number;
  /**
   * How long {@linkcode FrameConnection.close} waits for bytes to leave and for the other side to
   * end: milliseconds.
   *
   * @default {1000}
   */
  lingerMs?: number;
}

/** What is handed over at the moment, of whichever connection. */
const FRAME = new Frame();

/**
 * A connection that reads and writes frames. Reads go into a buffer that is used again and again,
 * and frames are handed over where they lie in it. What is written into {@linkcode FrameConnection.out}
 * in one turn of the event loop leaves in one write, with a single write under way at a time.
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
 * // The other one sends one, and ends when it is back.
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
  static readonly #turnEnd = new TurnEnd<FrameConnection>({
    write: (connection) => connection.#flush(),
    read: (connection, isOneOfMany) => connection.#readOn(isOneOfMany),
    isBurst: (connection) => !connection.#closed && connection.#buffer.isBurst,
  });
  /** Where frames for the other side are written. They leave at the end of the turn. */
  readonly out: FrameWriter;
  readonly #conn: ByteConnection;
  readonly #maxPayloadBytes: number;
  readonly #lingerMs: number;
  readonly #took: (count: number | null) => void;
  readonly #failed: (error: unknown) => void;
  readonly #buffer = new ReadBuffer();
  /** Who is told of what comes in; nobody any more once the connection is being closed. */
  #handler: FrameHandler | undefined;
  /** Who is told of the end, even so. */
  #owner: FrameHandler | undefined;
  #onBytes: ((bytes: Uint8Array) => void) | undefined;
  #paused = false;
  /** A read is under way, or what it brought is being handed over. */
  #reading = false;
  /** The other side has ended its half. */
  #atEnd = false;
  /** There is something to write at the end of the turn. */
  #due = false;
  #writing: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Settles the promise of {@linkcode FrameConnection.run}. */
  #onClosed: ((error: unknown) => void) | undefined;
  /** Ends the wait of {@linkcode FrameConnection.close} for the other side. */
  #onEnd: (() => void) | undefined;
  #closed = false;
  #error: unknown;

  /** Takes over `conn`: from now on it is read, written and closed here alone. */
  constructor(conn: ByteConnection, options: FrameConnectionOptions = {}) {
    this.#conn = conn;
    this.#maxPayloadBytes = options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES;
    this.#lingerMs = options.lingerMs ?? 1_000;
    const maxBytes = options.maxPendingBytes ?? 16 * 1024 * 1024;
    this.out = new FrameWriter({
      maxBytes,
      onFirstByte: () => this.#flushSoon(),
      onOverflow: () =>
        this.abort(
          new NetlabError(
            ErrorCode.TooSlow,
            `Cannot keep the connection: more than ${maxBytes} bytes wait for the other side to read`,
            { fatal: true },
          ),
        ),
    });
    // Made once, not for each read: an async function that waits would cost an idle connection more.
    this.#took = (count) => this.#take(count);
    this.#failed = (error) => {
      if (!this.#closed) this.#fail(error);
      this.#onRead();
    };
  }

  /** Whether the connection is at its end: nothing is read or written any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Reads until the connection ends, and hands every frame to `handler`.
   *
   * @returns When the other side has ended the connection, or this one closed it; all sockets are
   *   closed then.
   * @throws {ProtocolError} When a header announces too much, or whatever `handler` threw.
   * @throws {NetlabError} {@linkcode ErrorCode.TooSlow} when the other side did not read.
   * @throws {Error} What the socket reported, such as a reset.
   */
  run(handler: FrameHandler): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onClosed = (error) => error === undefined ? resolve() : reject(error);
      this.start(handler);
    });
  }

  /**
   * The same for whoever has thousands of connections and no use for a promise of each:
   * {@linkcode FrameHandler.closed} tells the end.
   */
  start(handler: FrameHandler): void {
    this.#owner = handler;
    if (this.#closed) return this.#tellClosed();
    if (!this.#closing) this.#handler = handler;
    this.#read();
  }

  /** From now on, what comes in is no frames but text, handed over as it comes: chunk by chunk. */
  readBytes(onBytes: (bytes: Uint8Array) => void): void {
    this.#onBytes = onBytes;
  }

  /** Reads nothing until {@linkcode FrameConnection.resume}; the other side is held up by TCP. */
  pause(): void {
    this.#paused = this.#closing === undefined;
  }

  /** Reads on. */
  resume(): void {
    this.#paused = false;
    if (this.#owner) this.#read();
  }

  /**
   * Lets out what is pending and ends the writing half; frames that still come in are handed over
   * until the other side ends too, which {@linkcode FrameConnection.run} tells. What is written after
   * the end is dropped.
   */
  end(): Promise<void> {
    this.#ending ??= this.#endWriting();
    return this.#ending;
  }

  /**
   * Lets out what is pending, then closes. Frames that come in meanwhile are dropped. Waits at most
   * the linger time for the bytes to leave and for the other side to end: closing earlier would reset
   * the connection, and what is under way would be lost.
   */
  close(): Promise<void> {
    this.#handler = undefined;
    // As a rule it is the other side that ended, and nothing waits: that needs no timer, and the first one
    // of a program takes Deno some 20 ms.
    if (this.#atEnd && !this.#writing && this.out.length === 0) this.abort();
    this.#closing ??= this.#linger();
    return this.#closing;
  }

  /** Closes at once; what is pending is dropped. With a reason, {@linkcode FrameConnection.run} throws it. */
  abort(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler = undefined;
    this.#error ??= reason;
    this.#conn.close();
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

  /** Has the next bytes read, unless that is under way. */
  #read(isOneOfMany = false): void {
    if (this.#reading || this.#paused || this.#atEnd || this.#closed) return;
    this.#reading = true;
    // What comes while the connection is being closed is dropped.
    if (!this.#handler) this.#buffer.start = this.#buffer.end;
    this.#conn.read(this.#buffer.room(isOneOfMany)).then(this.#took, this.#failed);
  }

  #take(count: number | null): void {
    if (count === null) this.#atEnd = true;
    if (!this.#closed) {
      try {
        if (count === null) this.#handler?.ended?.();
        else this.#localDelivery(count);
      } catch (error) {
        this.#fail(error);
      }
      if (count === null) void this.close();
    }
    this.#onRead();
  }

  /** Hands over what has come in. */
  #localDelivery(count: number): void {
    const buffer = this.#buffer;
    buffer.add(count);
    const handler = this.#handler;
    if (!handler) return;
    if (this.#onBytes) {
      this.#onBytes(buffer.bytes.subarray(buffer.start, buffer.end));
      buffer.start = buffer.end;
      return buffer.settle();
    }
    buffer.start = readFrames(
      buffer.bytes,
      buffer.start,
      buffer.end,
      this.#maxPayloadBytes,
      FRAME,
      (frame) => this.#handler?.frame(frame),
      handler.run && ((bytes, start, end) => this.#handler?.run?.(bytes, start, end) ?? start),
    );
    buffer.settle();
    this.#handler?.turn?.();
  }

  /** What was read cannot be gone on with. */
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

  /** A read has been dealt with: the next one comes at the end of the turn, when there is one. */
  #onRead(): void {
    if (this.#atEnd || this.#closed) {
      this.#reading = false;
      this.#onEnd?.();
      if (this.#closed) this.#tellClosed();
      return;
    }
    FrameConnection.#turnEnd.read(this);
  }

  #readOn(isOneOfMany: boolean): void {
    this.#reading = false;
    if (this.#closed) this.#tellClosed();
    else this.#read(isOneOfMany);
  }

  #flushSoon(): void {
    if (this.#writing || this.#due) return;
    // The writing half has ended: a write would fail, and tear down what still comes in.
    if (this.#ending || this.#closed) return void this.out.take();
    this.#due = true;
    FrameConnection.#turnEnd.write(this);
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
        while (at < taken.length) at += await this.#conn.write(taken.subarray(at));
        out.recycle(taken);
      }
      this.#writing = undefined;
      this.#handler?.drained?.();
    } catch (error) {
      this.#writing = undefined;
      this.abort(error);
    }
  }

  #tellClosed(): void {
    this.#buffer.release();
    const owner = this.#owner;
    if (!owner) return;
    this.#owner = undefined;
    // Whoever aborts a connection is in the middle of something.
    queueMicrotask(() => {
      owner.closed?.(this.#error);
      this.#onClosed?.(this.#error);
    });
  }
}
