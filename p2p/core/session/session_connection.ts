/**
 * The interface of a connection, as a session uses it. Sockets, the simulator and the browser implement it.
 *
 * @module
 */
import type { FrameWriter } from "@netlab/protocol/codec";

/** The parts of a connection to a server that a session uses. */
export interface SessionConnection {
  /** The writer for frames to the server. */
  readonly out: FrameWriter;
  /** Whether the server stores messages and sends receipts. Legacy servers do neither. */
  readonly receipts: boolean;
  /** Whether the server reads batches. */
  readonly batches: boolean;
  /** Whether nothing is read from the connection, because the program does not read its messages. */
  readonly isPaused: boolean;
  /**
   * Asks the server for an answer. Calls `answered` when it arrives: by then the server has read everything
   * that was written before, and everything that it wrote before has arrived.
   */
  ask(answered: () => void): void;
}
