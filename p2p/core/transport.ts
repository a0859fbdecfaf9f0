/**
 * What the core needs of whatever carries a connection's bytes: TCP today. Knows nothing of who is at the
 * other end.
 *
 * @module
 */
import type { FrameWriter } from "@netlab/protocol/codec";

/** Carries the bytes of one connection. `FrameConnection` of `@netlab/protocol` is one. */
export interface Transport {
  /** Where frames for the other side are written. */
  readonly out: FrameWriter;
  /** Reads nothing until {@linkcode Transport.resume}. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Sends what is pending and ends the writing half. What still comes in is handed to the core. */
  end(): void | Promise<void>;
  /** Sends what is pending and closes. What still comes in is dropped. */
  close(): void | Promise<void>;
  /** Closes at once. */
  abort(reason?: unknown): void;
}
