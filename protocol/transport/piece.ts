/**
 * Passes one piece of what a connection has read to its handler. Owns what a piece is, and what the work is worth.
 * Does not know when the next piece follows.
 *
 * @module
 */
import { Frame, readFrames } from "../codec/frame.ts";
import type { FrameHandler } from "./frame_handler.ts";
import type { ReadBuffer } from "./read_buffer.ts";
import { PIECE_UNITS } from "./turns.ts";

/** The frame object that is passed to handlers. All connections share it. */
const FRAME = new Frame();

/** Work of the piece that is being handled that delivers nothing, on whatever connection: units. */
let charged = 0;

/** Counts more work for the frame that is being handled, which delivers nothing. */
export function charge(units: number): void {
  charged += units;
}

/** The connection whose frames are handled. */
export interface PieceHost {
  /** Returns the handler; `undefined` as soon as the connection is being closed: further frames are dropped. */
  handler(): FrameHandler | undefined;
  /** Returns how many bytes of replies were written since the piece has begun. */
  replied(): number;
  /** Returns whether the next frame must wait, whatever the work. */
  mustStop(replied: number): boolean;
}

/** What became of a piece. */
export interface Piece {
  /** The work: units. What the fast path of the handler takes does not count, because one read limits it. */
  readonly units: number;
  /** How much of it delivers nothing: units. */
  readonly charged: number;
  /** Whether more frames may be in the buffer. */
  readonly isCut: boolean;
}

/** Passes frames in the buffer to the handler until they are a piece of work, or until they must wait. */
export function handlePiece(buffer: ReadBuffer, maxPayloadBytes: number, host: PieceHost): Piece {
  let units = 0;
  let isCut = false;
  charged = 0;
  const run = host.handler()?.run &&
    ((bytes: Uint8Array, start: number, end: number) =>
      host.handler()?.run?.(bytes, start, end) ?? start);
  const visit = (frame: Frame): boolean => {
    units += 1 + ((frame.end - frame.start) >> 10);
    host.handler()?.frame(frame);
    const replied = host.replied();
    return isCut = units + charged + (replied >> 10) >= PIECE_UNITS || host.mustStop(replied);
  };
  const { bytes, start, end } = buffer;
  buffer.start = readFrames(bytes, start, end, maxPayloadBytes, FRAME, visit, run);
  if (units === 0) return { units, charged: 0, isCut };
  // Replies, such as lists and errors, deliver nothing either.
  charged += Math.max(0, host.replied()) >> 10;
  return { units: units + charged, charged, isCut };
}
