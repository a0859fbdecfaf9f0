/**
 * The interface of a transport, which carries the bytes of a connection. Knows nothing about the
 * party at the other end.
 *
 * @module
 */
import type { FrameWriter } from "@netlab/protocol/codec";

/** Carries the bytes of one connection. `FrameConnection` of `@netlab/protocol` is one. */
export interface Transport {
  /** Writes frames to the other side. */
  readonly out: FrameWriter;
  /** Whether the connection is encrypted, so that nobody on the way can read it. Without it, it is not. */
  readonly isEncrypted?: boolean;
  /** Whether nothing is read because the other side does not read its replies. */
  readonly isHeld?: boolean;
  /** Counts more work for the frame that is being handled, which delivers nothing: in small frames. */
  charge?(units: number): void;
  /** Stops reading until {@linkcode Transport.resume}. */
  pause(): void;
  /** Starts reading again. */
  resume(): void;
  /** Sends pending data and ends the writing half. Incoming data is still passed to the core. */
  end(): void | Promise<void>;
  /** Sends pending data and closes the connection. Incoming data is dropped. */
  close(): void | Promise<void>;
  /** Closes the connection immediately. Pending data is lost. */
  abort(reason?: unknown): void;
}
