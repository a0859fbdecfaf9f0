/**
 * Payload of type 7: an error code and a message. Reads it as an error, so that a caller can throw it.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { NetlabError } from "../errors.ts";
import { ErrorKind, type Frame, FrameType } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";

/**
 * The length of the longest error message: UTF-16 units. It fits into a frame. "…" replaces the rest of a
 * longer message.
 */
const MAX_MESSAGE_LENGTH = 2_000;

/** Writes an error frame. A fatal error has subtype 1. A longer message than 2,000 UTF-16 units ends in "…". */
export function writeError(out: FrameWriter, error: NetlabError): void {
  out.begin(FrameType.Error, error.fatal ? ErrorKind.Fatal : ErrorKind.Recoverable);
  out.u16(error.code);
  out.text(cut(error.message));
  out.end();
}

/**
 * Reads the error in a frame of type 7. A longer message than writers send is cut off in the same way.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not a code and UTF-8 text.
 */
export function readError(frame: Frame): NetlabError {
  const reader = new ByteReader(frame.payload, "error");
  const code = reader.u16();
  return new NetlabError(code, cut(reader.rest()), { fatal: frame.subtype === ErrorKind.Fatal });
}

function cut(message: string): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message;
  // No half of a surrogate pair is left at the cut.
  return `${message.slice(0, MAX_MESSAGE_LENGTH - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
