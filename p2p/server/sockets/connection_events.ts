/**
 * What happens on a socket, as the core is told it. Knows no sockets.
 *
 * @module
 */
import type { Frame, FrameHandler, ProtocolError } from "@netlab/protocol";
import type { Connection } from "../../core/connection/connection.ts";
import type { RoutingCore } from "../../core/routing_core.ts";
import { processTime } from "../process_time.ts";

/** Passes the events of one connection to the core. A class, because there may be thousands of them. */
export class ConnectionEvents implements FrameHandler {
  readonly #core: RoutingCore;
  readonly #connection: Connection;
  readonly #onClosed: (connection: Connection, error: unknown) => void;

  /**
   * Connects one connection with the core.
   *
   * @param onClosed Called when the connection has ended.
   */
  constructor(
    core: RoutingCore,
    connection: Connection,
    onClosed: (connection: Connection, error: unknown) => void,
  ) {
    this.#core = core;
    this.#connection = connection;
    this.#onClosed = onClosed;
  }

  run(bytes: Uint8Array, start: number, end: number): number {
    return this.#core.run(this.#connection, bytes, start, end);
  }

  frame(frame: Frame): void {
    this.#core.received(this.#connection, frame);
  }

  flush(): void {
    this.#core.setTime(processTime());
    this.#core.arrived(this.#connection);
    this.#core.flush();
  }

  maxReplyBytes(): number {
    return this.#connection.maxReplyBytes;
  }

  isStranger(): boolean {
    return this.#connection.isUnregistered;
  }

  isLink(): boolean {
    return this.#connection.party.isLink ?? false;
  }

  isReplying(): boolean {
    return this.#connection.isReplying && !this.#connection.party.isLink;
  }

  ended(): void {
    this.#core.closed(this.#connection);
  }

  violation(error: ProtocolError): void {
    this.#core.violated(this.#connection, error);
  }

  drained(): void {
    this.#core.drained(this.#connection);
  }

  closed(error: unknown): void {
    this.#onClosed(this.#connection, error);
  }
}
