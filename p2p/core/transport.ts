/**
 * What the core needs of a socket: somewhere to write frames, and ways to stop reading and to end. Knows
 * nothing of who is at the other end.
 *
 * @module
 */
import type { FrameWriter } from "@netlab/protocol/codec";

/** What carries the bytes of one connection. `FrameConnection` of `@netlab/protocol` is one. */
export interface Transport {
  /** Where frames for the other side are written. */
  readonly out: FrameWriter;
  /** Reads nothing until {@linkcode Transport.resume}. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Lets pending bytes out and ends the writing half; what still comes in is handed over. */
  end(): void | Promise<void>;
  /** Lets pending bytes out and closes; what still comes in is dropped. */
  close(): void | Promise<void>;
  /** Closes at once. */
  abort(reason?: unknown): void;
}
