/**
 * The loop that accepts connections. Owns the listener and what happens when accepting fails; knows
 * nothing of what is said on a connection.
 *
 * @module
 */

/** What an {@linkcode Acceptor} needs of a listener: `Deno.TcpListener` and `Deno.TlsListener` have it. */
export interface ConnectionListener<Conn> extends Disposable {
  /** Waits for the next connection; fails when the listener is disposed. */
  accept(): Promise<Conn>;
}

/** What an {@linkcode Acceptor} reports. */
export interface AcceptHandler<Conn> {
  /**
   * A connection came in, and is the handler's from now on. When this throws, the connection is closed
   * and counts as lost.
   */
  accepted(conn: Conn): void;
  /** A connection was lost before it was accepted, for example because the client has reset it. */
  lost?(error: unknown): void;
  /**
   * The system has no resources for another connection, such as file descriptors; new connections wait
   * until it has. Reported once, and again only after ten seconds without a shortage.
   */
  exhausted?(error: unknown): void;
}

/** How an {@linkcode Acceptor} behaves. */
export interface AcceptorOptions {
  /**
   * How long to wait before the next attempt when the system has no resources: milliseconds.
   *
   * @default {100}
   */
  pauseMs?: number;
}

/**
 * What the system reports when it has no resources for another connection: accept(2). Deno 2.9 gives
 * ENFILE no code, so an error without one counts as well.
 */
const SHORTAGES: readonly unknown[] = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", undefined];
/**
 * A shortage that returns within this time is the same one: milliseconds. A server at its limit accepts
 * one connection for each that ends, and would report a new shortage each time.
 */
const SAME_SHORTAGE_MS = 10_000;

/**
 * Accepts connections until it is closed, whatever happens to one of them. It waits only while the
 * system is short of resources: when one connection is lost, the next is accepted at once.
 *
 * @example
 * ```ts
 * import { Acceptor } from "@netlab/protocol";
 *
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * await using acceptor = new Acceptor<Deno.TcpConn>(listener, { accepted: (conn) => conn.close() });
 * ```
 */
export class Acceptor<Conn extends Disposable> implements AsyncDisposable {
  readonly #listener: ConnectionListener<Conn>;
  readonly #handler: AcceptHandler<Conn>;
  readonly #pauseMs: number;
  readonly #ended: Promise<void>;
  /** When the last shortage was, by `performance.now()`. */
  #shortAt = -Infinity;
  #endPause = () => {};
  #closed = false;

  /** Takes over `listener`: from now on only the acceptor accepts from it and closes it. */
  constructor(
    listener: ConnectionListener<Conn>,
    handler: AcceptHandler<Conn>,
    options: AcceptorOptions = {},
  ) {
    this.#listener = listener;
    this.#handler = handler;
    this.#pauseMs = options.pauseMs ?? 100;
    this.#ended = this.#run();
  }

  /** Stops listening. No connection is accepted after this call. Closing twice does nothing. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listener[Symbol.dispose]();
      this.#endPause();
    }
    return this.#ended;
  }

  /** The same as {@linkcode Acceptor.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      let conn: Conn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        // Nothing comes any more from a listener that somebody else has closed.
        if (this.#closed || error instanceof Deno.errors.BadResource) return;
        if (isShortage(error)) await this.#pause(error);
        else await this.#lose(error);
        continue;
      }
      this.#take(conn);
    }
  }

  /** Hands a connection over. What goes wrong with it is no error of the loop. */
  #take(conn: Conn): void {
    // It may have been accepted just before the close.
    if (this.#closed) return conn[Symbol.dispose]();
    try {
      this.#handler.accepted(conn);
    } catch (error) {
      conn[Symbol.dispose]();
      this.#handler.lost?.(error);
    }
  }

  /** Goes on after one turn of the event loop: failures without end must not hold up everything else. */
  #lose(error: unknown): Promise<void> {
    this.#handler.lost?.(error);
    return new Promise((resolve) => setImmediate(resolve));
  }

  #pause(error: unknown): Promise<void> {
    const now = performance.now();
    if (now - this.#shortAt > SAME_SHORTAGE_MS) this.#handler.exhausted?.(error);
    this.#shortAt = now;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#pauseMs);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function isShortage(error: unknown): boolean {
  return SHORTAGES.includes((error as { code?: unknown } | undefined)?.code);
}
