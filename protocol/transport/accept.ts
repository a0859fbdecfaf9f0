/**
 * Accepts connections. Owns the listener, and handles failures to accept. Does not know what is sent on a
 * connection.
 *
 * @module
 */

import { LOOKOUT } from "./lookout.ts";

/**
 * The part of a listener that an {@linkcode Acceptor} uses. `Deno.TcpListener` and `Deno.TlsListener`
 * implement it.
 */
export interface ConnectionListener<Conn> extends Disposable {
  /** Waits for the next connection. Rejects when the listener is disposed. */
  accept(): Promise<Conn>;
}

/** Handles the events of an {@linkcode Acceptor}. */
export interface AcceptHandler<Conn> {
  /**
   * Called when a connection was accepted. The handler owns it from now on. If this method throws, the
   * acceptor closes the connection and reports it as lost.
   */
  accepted(conn: Conn): void;
  /** Called when a connection was lost before it was accepted, for example because the client reset it. */
  lost?(error: unknown): void;
  /**
   * Called when the system has no resources for another connection, such as file descriptors. New connections
   * then wait. Called once, and again only after ten seconds without a shortage.
   */
  exhausted?(error: unknown): void;
}

/** How many connections are accepted before other events are handled. */
const ACCEPTS_PER_TURN = 8;

/** Options of an {@linkcode Acceptor}. */
export interface AcceptorOptions {
  /**
   * The time before the next attempt when the system has no resources: milliseconds.
   *
   * @default {100}
   */
  pauseMs?: number;
}

/**
 * The error codes of accept(2) for a lack of resources. In Deno 2.9, ENFILE has no code, so an error without
 * a code counts as well.
 */
const SHORTAGES: readonly unknown[] = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", undefined];
/**
 * A shortage that returns within this time counts as the same one: milliseconds. A server at its limit
 * accepts one connection for each one that ends, and would otherwise report a new shortage each time.
 */
const SAME_SHORTAGE_MS = 10_000;

/**
 * Accepts connections until it is closed. A lost connection does not stop it. A lack of resources makes it wait
 * before the next attempt.
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
  /** The time of the last shortage by `performance.now()`: milliseconds. */
  #shortAt = -Infinity;
  #endPause = () => {};
  #closed = false;

  /** Takes over `listener`: from now on only the acceptor uses and closes it. */
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

  /** Stops listening. Accepts no connection after this call. A second call does nothing. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listener[Symbol.dispose]();
      this.#endPause();
    }
    return this.#ended;
  }

  /** Calls {@linkcode Acceptor.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    for (let count = 1; !this.#closed; count++) {
      // Connections that wait are accepted at once, and others must not wait for all of them.
      if (count % ACCEPTS_PER_TURN === 0) await nextTurn();
      let conn: Conn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        // The listener was closed by other code.
        if (this.#closed || error instanceof Deno.errors.BadResource) return;
        if (isShortage(error)) await this.#pause(error);
        else await this.#lose(error);
        continue;
      }
      LOOKOUT.begin();
      this.#take(conn);
      LOOKOUT.end();
    }
  }

  /** Passes a connection to the handler. An error of the handler does not end the loop. */
  #take(conn: Conn): void {
    // The connection may have been accepted just before the close.
    if (this.#closed) return conn[Symbol.dispose]();
    try {
      this.#handler.accepted(conn);
    } catch (error) {
      conn[Symbol.dispose]();
      this.#handler.lost?.(error);
    }
  }

  /**
   * Reports a lost connection. Resolves in the next event loop turn, so that endless failures do not block
   * the program.
   */
  #lose(error: unknown): Promise<void> {
    this.#handler.lost?.(error);
    return nextTurn();
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

/** Resolves after other events were handled. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => LOOKOUT.next(resolve));
}

function isShortage(error: unknown): boolean {
  return SHORTAGES.includes((error as { code?: unknown } | undefined)?.code);
}
