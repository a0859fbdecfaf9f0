/**
 * What a {@linkcode FrameConnection} needs: a socket, a handler of its events, and options. Only interfaces.
 *
 * @module
 */
import type { BufferTotal } from "../codec/buffers/buffer_total.ts";
import type { ProtocolError } from "../codec/errors.ts";
import type { Frame, FrameRun } from "../codec/frame.ts";

/**
 * The part of a socket that a {@linkcode FrameConnection} uses. `Deno.TcpConn` and `Deno.TlsConn` implement
 * it.
 */
export interface ByteConnection {
  /** Reads into `buffer`. Resolves to the number of bytes read, or to `null` at the end of the stream. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes the beginning of `bytes`. Resolves to the number of bytes written. */
  write(bytes: Uint8Array): Promise<number>;
  /** Closes the writing half. */
  closeWrite(): Promise<void>;
  /** Closes the connection. */
  close(): void;
  /** Resolves when a closed connection needs nothing of the system any more. Without it, that is so at once. */
  readonly ended?: Promise<void>;
  /** Whether the connection is encrypted. Without it, it is not. */
  readonly isEncrypted?: boolean;
}

/** Handles the events of a {@linkcode FrameConnection}. If a method throws, the connection ends. */
export interface FrameHandler {
  /** Called with each frame that arrives. The frame is valid until this method returns. */
  frame(frame: Frame): void;
  /**
   * Called before {@linkcode FrameHandler.frame} to handle many frames in one call. `frame` gets those that
   * it does not handle.
   */
  run?: FrameRun;
  /** Called when frames that arrived together have been handled, and before others are. */
  flush?(): void;
  /**
   * Returns how many bytes of replies may wait for the other side to read. While more wait, its frames wait, too.
   * Replies are what is written to the connection while its own frames are handled.
   *
   * @default {Infinity}
   */
  maxReplyBytes?(): number;
  /**
   * Returns whether the other side is unknown. Such connections share a quarter of the time if they cause much work.
   *
   * @default {false}
   */
  isStranger?(): boolean;
  /**
   * Returns whether the other side is a server. Those that cause much work that delivers nothing share half of
   * the time.
   *
   * @default {false}
   */
  isLink?(): boolean;
  /** Returns whether a reply is not complete: the next frames wait until its rest was written in `drained`. */
  isReplying?(): boolean;
  /**
   * Called when the other side has closed its writing half, so no more frames arrive. Pending bytes are still
   * written.
   */
  ended?(): void;
  /** Called when the other side breaks the protocol. May write an error frame before the connection closes. */
  violation?(error: ProtocolError): void;
  /** Called when all pending bytes have been written. */
  drained?(): void;
  /**
   * Called when the connection has ended and its socket is closed. No other method is called after that.
   *
   * @param error The error that {@linkcode FrameConnection.run} throws, or `undefined` after a regular end.
   */
  closed?(error: unknown): void;
}

/** What was read from connections and written to them. */
export interface Traffic {
  /** Bytes that were read. */
  bytesRead: number;
  /** Bytes that were written. */
  bytesWritten: number;
}

/** Options of a {@linkcode FrameConnection}. */
export interface FrameConnectionOptions {
  /**
   * The IP address at the other end, for `FrameConnection.ip`.
   *
   * @default {unknown}
   */
  ip?: string;
  /**
   * The longest accepted payload: 0 to 65,535 bytes.
   *
   * @default {65535}
   */
  maxPayloadBytes?: number;
  /**
   * The most bytes that may wait for the other side to read. The connection ends when more wait.
   *
   * @default {16777216}
   */
  maxPendingBytes?: number;
  /**
   * How long frames may wait because the other side reads none of its replies: milliseconds. The connection then
   * ends.
   *
   * @default {30000}
   */
  maxUnreadMs?: number;
  /**
   * Counts what waits to be sent on many connections.
   *
   * @default {none: it is not counted}
   */
  total?: BufferTotal;
  /**
   * Counts what is read and written on many connections.
   *
   * @default {none: it is not counted}
   */
  traffic?: Traffic;
  /**
   * How long {@linkcode FrameConnection.close} waits for pending bytes and the other side: milliseconds.
   *
   * @default {1000}
   */
  lingerMs?: number;
}
