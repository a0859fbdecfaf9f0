/**
 * The basic server: answers one greeting per connection. Owns the connections and their deadlines. The
 * words are in `greeting.ts`, and the program is in `terminal/server_program.ts`.
 *
 * @module
 */
import { Acceptor } from "@netlab/protocol/accept";
import { type Address, DEFAULT_HOST, DEFAULT_PORTS, parseHost } from "@netlab/protocol/address";
import { finalReplyTo, MAX_TEXT_BYTES, QUESTION, replyTo } from "./greeting.ts";

export type { Address } from "@netlab/protocol";

/** Where a {@linkcode BasicServer} listens, and how long it waits for its clients. */
export interface BasicServerOptions {
  /**
   * A host name or an IP address of this machine.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * A TCP port, 0 to 65,535. With 0, the system chooses a free port.
   *
   * @default {5001}
   */
  port?: number;
  /**
   * How long the server waits for a complete greeting: milliseconds.
   *
   * @default {10000}
   */
  timeoutMs?: number;
  /**
   * How long the server waits for a line end after a bare `hello`: milliseconds. A client may send the two
   * in separate segments, and then delays the second until the first is acknowledged: 40 ms on Linux, up
   * to 200 ms elsewhere.
   *
   * @default {250}
   */
  lineEndMs?: number;
}

/** How long the server waits for a client to end the connection after the reply: milliseconds. */
const LINGER_MS = 1_000;
/** How many clients are served at once. With one more, the one that was connected first is closed. */
const MAX_CLIENTS = 1_000;

/**
 * A server that answers `hello`, `hello\n` and `hello\r\n` with `world` and the same line end, and
 * anything else with `error: expected hello`. Then it closes the connection.
 *
 * @example
 * ```ts
 * import { BasicServer } from "@netlab/basic/server";
 *
 * await using server = await BasicServer.listen({ port: 0 });
 * server.port; // a free port; `printf hello | nc 127.0.0.1 <port>` prints world
 * ```
 */
export class BasicServer implements AsyncDisposable {
  /** Where the server listens, with the actual port. */
  readonly address: Address;
  readonly #acceptor: Acceptor<Deno.TcpConn>;
  readonly #timeoutMs: number;
  readonly #lineEndMs: number;
  /** The open connections, each with the work on it. */
  readonly #clients = new Map<Deno.TcpConn, Promise<void>>();
  /** Those of them that are not being closed, the oldest first. */
  readonly #served = new Set<Deno.TcpConn>();

  private constructor(listener: Deno.TcpListener, options: BasicServerOptions) {
    this.address = { hostname: listener.addr.hostname, port: listener.addr.port };
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#lineEndMs = options.lineEndMs ?? 250;
    this.#acceptor = new Acceptor(listener, { accepted: (conn) => this.#accepted(conn) });
  }

  /**
   * Starts a server.
   *
   * @throws {Deno.errors.AddrInUse} When the port is in use.
   * @throws {Deno.errors.AddrNotAvailable} When the host is not one of this machine.
   * @throws {Deno.errors.PermissionDenied} When the system reserves the port.
   * @throws {Deno.errors.NotCapable} When Deno has no network permission for the address.
   */
  // deno-lint-ignore require-await -- an async function turns errors into rejections
  static async listen(options: BasicServerOptions = {}): Promise<BasicServer> {
    const { hostname = DEFAULT_HOST, port = DEFAULT_PORTS[0]! } = options;
    return new BasicServer(
      Deno.listen({ hostname: parseHost(hostname) ?? hostname, port }),
      options,
    );
  }

  /** The TCP port on which the server listens. */
  get port(): number {
    return this.address.port;
  }

  /** Stops listening, and closes every connection. May be called more than once. */
  async close(): Promise<void> {
    const accepting = this.#acceptor.close();
    for (const conn of this.#clients.keys()) closeQuietly(conn);
    await accepting;
    await Promise.all(this.#clients.values());
  }

  /** Closes the server, as {@linkcode BasicServer.close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accepted(conn: Deno.TcpConn): void {
    this.#clients.set(conn, this.#serve(conn));
    this.#served.add(conn);
    if (this.#served.size <= MAX_CLIENTS) return;
    // A client needs milliseconds. Those that were connected first are slow, or do nothing.
    for (const oldest of this.#served) {
      this.#served.delete(oldest);
      return closeQuietly(oldest);
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    const reader = new TextReader(conn);
    try {
      await writeAll(conn, await this.#findReply(reader));
      await conn.closeWrite();
      await reader.drain(LINGER_MS);
    } catch {
      // The client broke the connection, or this server is closing.
    } finally {
      closeQuietly(conn);
      this.#clients.delete(conn);
      this.#served.delete(conn);
    }
  }

  /** Reads until the reply is certain or the time is up. */
  async #findReply(reader: TextReader): Promise<string> {
    const deadline = performance.now() + this.#timeoutMs;
    let received = "";
    for (;;) {
      const leftMs = deadline - performance.now();
      const waitMs = received === QUESTION ? Math.min(leftMs, this.#lineEndMs) : leftMs;
      const text = await reader.read(waitMs);
      if (text === undefined) return finalReplyTo(received);
      received += text;
      const reply = replyTo(received);
      if (reply !== undefined) return reply;
    }
  }
}

/** Reads text from a connection, with a deadline for each read. */
class TextReader {
  readonly #conn: Deno.TcpConn;
  readonly #buffer = new Uint8Array(MAX_TEXT_BYTES);
  /** The read in progress. It outlives its deadline, and then belongs to the next call. */
  #reading: Promise<number | null> | undefined;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /**
   * Reads what the client sends next, and waits for it no longer than `ms`.
   *
   * @returns One character for each byte; `undefined` at the end of the connection or the wait.
   */
  async read(ms: number): Promise<string | undefined> {
    const reading = this.#reading ??= this.#conn.read(this.#buffer);
    reading.catch(() => {}); // It may fail after the deadline, when nothing waits for it.
    const { promise: timeout, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), Math.max(0, ms));
    const count = await Promise.race([reading, timeout]).finally(() => clearTimeout(timer));
    if (count === undefined) return undefined;
    this.#reading = undefined;
    return count === null ? undefined : String.fromCharCode(...this.#buffer.subarray(0, count));
  }

  /**
   * Reads and discards until the client ends the connection, or for `ms`. Closing a connection with unread
   * bytes would reset it, and the client could lose the reply.
   */
  async drain(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (await this.read(deadline - performance.now()) !== undefined);
  }
}

async function writeAll(conn: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Closes a connection, which may be closed already. */
function closeQuietly(conn: Deno.TcpConn): void {
  conn[Symbol.dispose]();
}

if (import.meta.main) {
  const { runServerProgram } = await import("./terminal/server_program.ts");
  await runServerProgram((options) => BasicServer.listen(options));
}
