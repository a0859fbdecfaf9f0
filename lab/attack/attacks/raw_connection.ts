/**
 * A plain TCP connection of an attacker: it writes what it wants, and reads or does not. All connections of
 * an attack share one allowance of time and bytes.
 *
 * @module
 */
import { HEADER_BYTES, parseAddress } from "@netlab/protocol";

/** What an attack may use, and what it has used. */
export class Allowance {
  /** The connections that were opened. */
  connections = 0;
  /** The connections that could not be opened, or that the other side closed. */
  closedByOthers = 0;
  /** Bytes that were sent. */
  sentBytes = 0;
  /** Bytes that were read. */
  readBytes = 0;
  /** Aborts when the time is over or the bytes are used up. */
  readonly over: AbortSignal;
  readonly #maxBytes: number;
  readonly #end = new AbortController();

  /**
   * Begins to count.
   *
   * @param ms How long the attack may take: milliseconds.
   * @param maxBytes How much it may send.
   */
  constructor(ms: number, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.over = AbortSignal.any([AbortSignal.timeout(ms), this.#end.signal]);
  }

  /** Counts bytes that were sent. */
  sent(bytes: number): void {
    this.sentBytes += bytes;
    if (this.sentBytes >= this.#maxBytes) this.#end.abort();
  }

  /** Waits, at most until the attack is over. */
  async pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const wake = () => resolve();
    this.over.addEventListener("abort", wake);
    if (this.over.aborted) resolve();
    await promise;
    clearTimeout(timer);
    this.over.removeEventListener("abort", wake);
  }
}

/** A connection of an attacker. Its methods throw when the attack is over or the connection is closed. */
export class RawConnection implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #allowance: Allowance;
  readonly #buffer = new Uint8Array(65_536);
  readonly #close = () => this[Symbol.dispose]();
  #rest = new Uint8Array(0);
  #open = true;

  private constructor(conn: Deno.TcpConn, allowance: Allowance) {
    this.#conn = conn;
    this.#allowance = allowance;
    allowance.over.addEventListener("abort", this.#close);
    if (allowance.over.aborted) this.#close();
  }

  /** Connects to a server on this machine: `host:port`. */
  static async connect(address: string, allowance: Allowance): Promise<RawConnection> {
    allowance.over.throwIfAborted();
    try {
      const conn = await Deno.connect({ ...parseAddress(address), transport: "tcp" });
      allowance.connections++;
      return new RawConnection(conn, allowance);
    } catch (error) {
      allowance.closedByOthers++;
      throw error;
    }
  }

  /** Takes a connection that a listener has accepted. */
  static accepted(conn: Deno.TcpConn, allowance: Allowance): RawConnection {
    allowance.connections++;
    return new RawConnection(conn, allowance);
  }

  /** Sends bytes. Waits as long as the other side does not read. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = await this.#lastingly(this.#conn.write(bytes.subarray(at)));
      this.#allowance.sent(count);
      at += count;
    }
  }

  /** Reads the next frame as a whole: header and payload. */
  async readFrame(): Promise<Uint8Array> {
    for (;;) {
      const { length } = this.#rest;
      if (length >= HEADER_BYTES) {
        const end = HEADER_BYTES + this.#rest[2]! * 256 + this.#rest[3]!;
        if (length >= end) {
          const frame = this.#rest.subarray(0, end);
          this.#rest = this.#rest.slice(end);
          return frame;
        }
      }
      const chunk = await this.#read();
      const joined = new Uint8Array(length + chunk.length);
      joined.set(this.#rest);
      joined.set(chunk, length);
      this.#rest = joined;
    }
  }

  /** Reads a frame of a type, and skips all others. */
  async readFrameOf(type: number, subtype: number): Promise<Uint8Array> {
    for (;;) {
      const frame = await this.readFrame();
      if (frame[0] === type && frame[1] === subtype) return frame;
    }
  }

  /** Reads and drops everything until the end. Never throws. */
  async drain(): Promise<void> {
    try {
      for (;;) await this.#read();
    } catch {
      // The connection or the attack has ended.
    }
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#allowance.over.removeEventListener("abort", this.#close);
    this.#conn.close();
  }

  async #read(): Promise<Uint8Array> {
    const count = await this.#lastingly(this.#conn.read(this.#buffer));
    if (count === null) {
      this.#allowance.closedByOthers++;
      this[Symbol.dispose]();
      throw new Error("The other side has closed the connection");
    }
    this.#allowance.readBytes += count;
    return this.#buffer.subarray(0, count);
  }

  /** Notes that the other side broke the connection. */
  async #lastingly<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (this.#open) {
        this.#allowance.closedByOthers++;
        this[Symbol.dispose]();
      }
      throw error;
    }
  }
}
