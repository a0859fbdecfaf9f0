/**
 * The WebSockets of pages. Owns how it is noticed that a browser is gone. Does not know what they carry.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { ByteConnection } from "@netlab/protocol/connection";
import { SocketBytes } from "./socket_bytes.ts";

/** How often browsers are asked whether they are there: milliseconds. */
const PING_MS = 15_000;

/** The open WebSockets of one web server. */
export class Sockets {
  readonly #opened: (connection: ByteConnection, hostname: string) => void;
  readonly #isEncrypted: boolean;
  readonly #open = new Set<SocketBytes>();
  readonly #timer: ReturnType<typeof setInterval>;

  /**
   * Starts without sockets.
   *
   * @param opened Called with each connection, and the IP address of the browser.
   * @param isEncrypted Whether they use TLS.
   */
  constructor(
    opened: (connection: ByteConnection, hostname: string) => void,
    isEncrypted: boolean,
  ) {
    this.#opened = opened;
    this.#isEncrypted = isEncrypted;
    this.#timer = setInterval(() => this.#ping(), PING_MS);
  }

  /** Opens the WebSocket that a request asks for. */
  take(request: IncomingMessage, socket: Socket, head: Uint8Array): void {
    const hostname = socket.remoteAddress;
    if (hostname === undefined) return void socket.destroy();
    const connection = new SocketBytes(request, socket, head, this.#isEncrypted);
    this.#open.add(connection);
    void connection.ended.then(() => this.#open.delete(connection));
    this.#opened(connection, hostname);
  }

  /** Ends all sockets. */
  close(): void {
    clearInterval(this.#timer);
    for (const connection of this.#open) connection.close();
  }

  #ping(): void {
    for (const connection of this.#open) if (!connection.ping()) connection.close();
  }
}
