/**
 * The limit of what waits to be sent on all connections of a server together. Owns which connections end when it is
 * exceeded. Does not know sockets.
 *
 * @module
 */
import { BufferTotal, ErrorCode, NetlabError } from "@netlab/protocol";
import type { Connection } from "../../core/connection/connection.ts";
import type { Logger } from "../../core/logger.ts";

/** Closes connections whose other side reads too slowly when too much waits for all of them. */
export class OutgoingLimit {
  /** Counts what waits. */
  readonly total: BufferTotal;
  readonly #maxBytes: number;
  readonly #connections: Iterable<Connection>;
  readonly #logger: Logger;
  #isDue = false;

  /**
   * Sets the limit.
   *
   * @param connections The open connections of the server.
   */
  constructor(maxBytes: number, connections: Iterable<Connection>, logger: Logger) {
    this.#maxBytes = maxBytes;
    this.#connections = connections;
    this.#logger = logger;
    this.total = new BufferTotal(maxBytes, () => this.#shedSoon());
  }

  /** Closes connections when everything that arrived together was handled. */
  #shedSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => this.#shed());
  }

  /**
   * Closes the connections for which most waits, until a quarter of the memory is free. Those of strangers are the
   * first, and links are the last, because others depend on them.
   */
  #shed(): void {
    this.#isDue = false;
    const order = [...this.#connections].map((connection) => {
      const { bufferBytes } = connection.out;
      const rank = connection.isUnregistered ? 0 : connection.party.isLink ? 2 : 1;
      return { connection, bufferBytes, rank };
    }).sort((a, b) => a.rank - b.rank || b.bufferBytes - a.bufferBytes);
    let count = 0;
    for (const { connection, bufferBytes } of order) {
      if (this.total.bytes <= this.#maxBytes * 3 / 4) break;
      if (bufferBytes === 0) continue;
      count++;
      connection.transport.abort(
        new NetlabError(
          ErrorCode.TooSlow,
          `Cannot keep the connection: ${bufferBytes} bytes wait for the other side to read`,
          { fatal: true },
        ),
      );
    }
    const bytes = this.#maxBytes;
    this.#logger.warn(
      "closed connections whose other side reads too slowly: {count}; together, more than {bytes} bytes waited " +
        "(--max-outgoing-bytes)",
      { event: "connections.shed", count, bytes, code: ErrorCode.TooSlow },
    );
  }
}
