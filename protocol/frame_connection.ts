/**
 * One TCP or TLS connection as frames. Owns the read loop and its buffer, the write under way and its
 * bound, and how a connection ends; knows nothing of what frames mean.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "./errors.ts";
import { Frame, type FrameRun, MAX_PAYLOAD_BYTES, readFrames } from "./frame.ts";
import { FrameWriter } from "./frame_writer.ts";

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

/** Read buffer while a connection is quiet: bytes. Thousands of idle users have one each. */
const QUIET_BUFFER_BYTES = 2 * 1024;
/** Read buffer under load: 64 KiB cost twice as much time in the system. The largest frame fits. */
const BUSY_BUFFER_BYTES = 256 * 1024;
/** A buffer that was filled is followed by one so many times as large. */
const GROWTH = 8;
/** A larger buffer is given back after this many reads in a row that a quiet one would have held. */
const QUIET_READS = 16;

/**
 * A connection that reads and writes frames. Reads go into one buffer that is used again and again,
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
  /** Where frames for the other side are written. They leave at the end of the turn. */
  readonly out: FrameWriter;
  readonly #conn: ByteConnection;
  readonly #maxPayloadBytes: number;
  readonly #lingerMs: number;
  readonly #frame = new Frame();
  #buffer = new Uint8Array(QUIET_BUFFER_BYTES);
  #start = 0;
  #end = 0;
  #filled = false;
  #quietReads = 0;
  #handler: FrameHandler | undefined;
  #onBytes: ((bytes: Uint8Array) => void) | undefined;
  #paused = false;
  #resume: (() => void) | undefined;
  #reading: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #ended = false;
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
  async run(handler: FrameHandler): Promise<void> {
    if (!this.#closing && !this.#closed) this.#handler = handler;
    this.#reading ??= this.#readLoop();
    try {
      await this.#reading;
      this.#handler?.ended?.();
    } catch (error) {
      this.#error ??= error;
      try {
        if (error instanceof ProtocolError) handler.violation?.(error);
        else this.abort();
      } catch (cause) {
        this.abort(cause);
      }
    }
    await this.close();
    if (this.#error !== undefined) throw this.#error;
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
    this.#resume?.();
    this.#resume = undefined;
  }

  /**
   * Lets out what is pending and ends the writing half; frames that still come in are handed over
   * until the other side ends too, which {@linkcode FrameConnection.run} tells. What is written after
   * the end is dropped.
   */
  async end(): Promise<void> {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.resume();
    try {
      await this.#writing;
      if (!this.#closed) await this.#conn.closeWrite();
    } catch (error) {
      this.abort(error);
    }
  }

  /**
   * Lets out what is pending, then closes. Frames that come in meanwhile are dropped. Waits at most
   * the linger time for the bytes to leave and for the other side to end: closing earlier would reset
   * the connection, and what is under way would be lost.
   */
  close(): Promise<void> {
    this.#handler = undefined;
    this.#closing ??= this.#linger();
    return this.#closing;
  }

  /** Closes at once; what is pending is dropped. With a reason, {@linkcode FrameConnection.run} throws it. */
  abort(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler = undefined;
    this.#error ??= reason;
    this.resume();
    this.#conn.close();
  }

  async #linger(): Promise<void> {
    if (this.#closed) return;
    this.resume();
    const timer = setTimeout(() => this.abort(), this.#lingerMs);
    try {
      await this.end();
      // A loop that ended with a violation is followed by one that drops what still comes.
      await (this.#reading ??= this.#readLoop()).catch(() => this.#readLoop());
    } catch {
      // Whatever ends the reading now: the connection is being closed anyway.
    } finally {
      clearTimeout(timer);
      this.abort();
    }
  }

  async #readLoop(): Promise<void> {
    const visit = (frame: Frame) => this.#handler?.frame(frame);
    for (;;) {
      if (this.#paused) await new Promise<void>((resolve) => this.#resume = resolve);
      if (this.#closed) return;
      this.#makeRoom();
      let count: number | null;
      try {
        count = await this.#conn.read(this.#buffer.subarray(this.#end));
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
      if (count === null) return;
      this.#end += count;
      this.#filled = this.#end === this.#buffer.length;
      this.#quietReads = count < QUIET_BUFFER_BYTES ? this.#quietReads + 1 : 0;
      if (this.#handler === undefined) continue;
      if (this.#onBytes) {
        this.#onBytes(this.#buffer.subarray(this.#start, this.#end));
        this.#start = this.#end;
      } else {
        this.#start = readFrames(
          this.#buffer,
          this.#start,
          this.#end,
          this.#maxPayloadBytes,
          this.#frame,
          visit,
          this.#handler.run,
        );
        this.#handler?.turn?.();
      }
    }
  }

  /** Moves an incomplete frame to the buffer's start, and fits the buffer to the load. */
  #makeRoom(): void {
    if (this.#handler === undefined) this.#start = this.#end;
    const rest = this.#buffer.subarray(this.#start, this.#end);
    if (this.#filled && this.#buffer.length < BUSY_BUFFER_BYTES) {
      this.#buffer = new Uint8Array(Math.min(GROWTH * this.#buffer.length, BUSY_BUFFER_BYTES));
      this.#buffer.set(rest);
    } else if (rest.length > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    } else if (this.#quietReads >= QUIET_READS && this.#buffer.length > QUIET_BUFFER_BYTES) {
      this.#buffer = new Uint8Array(QUIET_BUFFER_BYTES);
    }
    this.#start = 0;
    this.#end = rest.length;
  }

  #flushSoon(): void {
    if (this.#writing) return;
    // The writing half has ended: a write would fail, and tear down what still comes in.
    if (this.#ended || this.#closed) this.out.take();
    else this.#writing = Promise.resolve().then(() => this.#write());
  }

  async #write(): Promise<void> {
    const out = this.out;
    try {
      while (out.length > 0 && !this.#closed) {
        const taken = out.take();
        for (let at = 0; at < taken.length;) at += await this.#conn.write(taken.subarray(at));
        out.recycle(taken);
      }
      this.#writing = undefined;
      this.#handler?.drained?.();
    } catch (error) {
      this.#writing = undefined;
      this.abort(error);
    }
  }
}
