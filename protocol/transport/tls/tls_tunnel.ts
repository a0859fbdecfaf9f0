/**
 * Puts TLS on a TCP connection that this program owns. Owns how bytes get from the connection to the TLS of Deno and
 * back. Does not know what they mean.
 *
 * A `Deno.TlsConn` on the connection itself would stay open until the other side closes it, so a hostile party could
 * keep any number of sockets. `node:tls` can close, but reads on while nobody takes what it has read, so a hostile party
 * could fill the memory. Here, TLS runs on a second connection inside this machine, and this module passes encrypted
 * bytes from one to the other: one read at a time, and closing the first connection closes all.
 *
 * @module
 */
import type { ByteConnection } from "../frame_handler.ts";
import { ReadBuffer } from "../read_buffer.ts";

const HERE = "127.0.0.1";
/** How long the other side may take for the last bytes after a close: milliseconds. */
const LAST_BYTES_MS = 1_000;
/** How long a connection from inside this machine waits for its other end: milliseconds. */
const CLAIM_MS = 1_000;

/** A certificate with its key. */
export interface Certificate {
  /** The certificate, then those between it and its authority: PEM. */
  readonly cert: string;
  /** The private key: PEM. */
  readonly key: string;
}

/** A TLS connection. */
export class TlsConnection implements ByteConnection {
  readonly isEncrypted = true;
  readonly #tls: Deno.TlsConn;
  readonly #inner: Deno.TcpConn;
  readonly #outer: Deno.TcpConn;
  readonly #sent: Promise<void>;
  readonly #ended = Promise.withResolvers<void>();
  #closed = false;

  /**
   * Joins the connections.
   *
   * @param tls The decrypted end of the connection inside this machine.
   * @param inner Its encrypted end.
   * @param outer The connection to the other side.
   * @param first Bytes that were read from `outer` before.
   */
  constructor(
    tls: Deno.TlsConn,
    inner: Deno.TcpConn,
    outer: Deno.TcpConn,
    first: Uint8Array<ArrayBuffer> = new Uint8Array(0),
  ) {
    this.#tls = tls;
    this.#inner = inner;
    this.#outer = outer;
    inner.setNoDelay(true);
    void this.#pass(outer, inner, first);
    this.#sent = this.#pass(inner, outer);
  }

  /** Finishes the handshake. Rejects when {@linkcode TlsConnection.close} is called. */
  async handshake(): Promise<void> {
    await this.#tls.handshake();
  }

  /** Reads into `buffer`. Resolves to the number of bytes, or to `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null> {
    return this.#tls.read(buffer);
  }

  /** Writes the beginning of `bytes`. Resolves to the number of bytes written. */
  write(bytes: Uint8Array): Promise<number> {
    return this.#tls.write(bytes);
  }

  /** Ends the writing half. */
  closeWrite(): Promise<void> {
    return this.#tls.closeWrite();
  }

  /** Resolves when the connection is closed and the system has taken the last bytes, or will not. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Closes the connection. What was written is still sent, if the other side reads it within a second. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tls.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LAST_BYTES_MS);
    void Promise.race([promise, this.#sent]).then(() => {
      clearTimeout(timer);
      this.#inner.close();
      this.#outer.close();
      this.#ended.resolve();
    });
  }

  /** Passes bytes on until the end of `from`. After an error, nothing can be passed in either direction. */
  async #pass(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    first?: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const buffer = new ReadBuffer();
    try {
      if (first) await writeAll(to, first);
      for (;;) {
        const count = await from.read(buffer.room());
        if (count === null) break;
        buffer.add(count);
        await writeAll(to, buffer.bytes.subarray(buffer.start, buffer.end));
        buffer.start = buffer.end;
        buffer.settle();
      }
      await to.closeWrite();
    } catch {
      // The decrypted end then reports that the connection has ended.
      this.#cut();
    } finally {
      buffer.release();
    }
  }

  #cut(): void {
    if (this.#closed) return;
    for (const conn of [this.#inner, this.#outer]) {
      conn.closeWrite().catch(() => {});
    }
  }
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** The TLS of a server with one certificate. */
export class TlsTerminator {
  readonly #listener: Deno.TlsListener;
  /** Who waits for the decrypted end of a connection inside this machine, by its port. */
  readonly #waiting = new Map<number, PromiseWithResolvers<Deno.TlsConn>>();
  /** The decrypted ends that nobody has asked for yet, and when they came: milliseconds. The oldest is the first. */
  readonly #arrived = new Map<number, { conn: Deno.TlsConn; at: number }>();
  readonly #accepting: Promise<void>;
  /** The number of connections that do not have both ends yet. */
  #incomplete = 0;
  #isEnding = false;

  /**
   * Takes a certificate into use.
   *
   * @throws {Error} The error of `Deno.listenTls` when the certificate or the key cannot be used.
   */
  constructor(certificate: Certificate) {
    this.#listener = Deno.listenTls({ hostname: HERE, port: 0, ...certificate });
    this.#accepting = this.#accept();
  }

  /**
   * Puts TLS on a connection that was accepted. The handshake is not finished then.
   *
   * @param first Bytes that were read from it before.
   */
  async wrap(outer: Deno.TcpConn, first: Uint8Array<ArrayBuffer>): Promise<TlsConnection> {
    this.#incomplete++;
    let inner: Deno.TcpConn | undefined;
    try {
      const { port } = this.#listener.addr as Deno.NetAddr;
      inner = await Deno.connect({ hostname: HERE, port });
      return new TlsConnection(await this.#otherEnd(inner.localAddr.port), inner, outer, first);
    } catch (error) {
      inner?.close();
      throw error;
    } finally {
      this.#incomplete--;
      this.#endIfDone();
    }
  }

  /** Ends the use of the certificate for new connections. Resolves when those that wait for it have it. */
  close(): Promise<void> {
    this.#isEnding = true;
    this.#endIfDone();
    return this.#accepting;
  }

  async #otherEnd(port: number): Promise<Deno.TlsConn> {
    const arrived = this.#arrived.get(port);
    this.#arrived.delete(port);
    if (arrived) return arrived.conn;
    const waiting = Promise.withResolvers<Deno.TlsConn>();
    this.#waiting.set(port, waiting);
    return await waiting.promise;
  }

  #endIfDone(): void {
    if (!this.#isEnding || this.#incomplete > 0) return;
    try {
      this.#listener.close();
    } catch {
      // It was closed before.
    }
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      const now = performance.now();
      const { port } = conn.remoteAddr as Deno.NetAddr;
      const waiting = this.#waiting.get(port);
      this.#waiting.delete(port);
      if (waiting) waiting.resolve(conn);
      else this.#arrived.set(port, { conn, at: now });
      this.#forget(now - CLAIM_MS);
    }
    this.#forget(Infinity);
  }

  /** Closes the connections that came before a time, and that nobody asks for: other programs have opened them. */
  #forget(before: number): void {
    for (const [port, { conn, at }] of this.#arrived) {
      if (at >= before) return;
      this.#arrived.delete(port);
      conn.close();
    }
  }
}

/**
 * Puts TLS on a connection to a server that was dialled, and does the handshake. Closes it when that fails.
 *
 * @param hostname The host for which the certificate of the server must be valid.
 * @param caCerts The certificates of the authorities that are trusted besides the public ones: PEM each.
 * @param signal Ends the handshake.
 * @throws {Error} The error of the handshake.
 * @throws {unknown} The reason of `signal` when it aborts.
 */
export async function startTls(
  outer: Deno.TcpConn,
  hostname: string,
  caCerts: string[],
  signal: AbortSignal,
): Promise<TlsConnection> {
  let connection: TlsConnection | undefined;
  const giveUp = () => connection?.close();
  signal.addEventListener("abort", giveUp);
  try {
    const [decrypted, inner] = await pair();
    const tls = await Deno.startTls(decrypted, { hostname, caCerts });
    connection = new TlsConnection(tls, inner, outer);
    signal.throwIfAborted();
    await connection.handshake();
    return connection;
  } catch (error) {
    if (connection) connection.close();
    else outer.close();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** Returns both ends of a connection inside this machine. */
async function pair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: HERE, port: 0 });
  const one = await Deno.connect({ hostname: HERE, port: listener.addr.port });
  for (;;) {
    const other = await listener.accept();
    if (other.remoteAddr.port === one.localAddr.port) return [one, other];
    // Another program has connected.
    other.close();
  }
}
