/**
 * Payload of type 7: a code and a sentence. Values that are errors, so that a reader can throw them.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { NetlabError } from "../errors.ts";
import { ErrorKind, type Frame, FrameType } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";

/** Longest sentence in UTF-16 units, so that it fits whatever it holds; the rest is cut off. */
const MAX_SENTENCE = 2_000;

/** Writes an error frame: subtype 1 when the error is fatal, else 0. */
export function writeError(out: FrameWriter, error: NetlabError): void {
  out.begin(FrameType.Error, error.fatal ? ErrorKind.Fatal : ErrorKind.Recoverable);
  out.u16(error.code);
  out.text(error.message.slice(0, MAX_SENTENCE));
  out.end();
}

/**
 * The error in a frame of type 7.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not a code and UTF-8.
 */
export function readError(frame: Frame): NetlabError {
  const reader = new ByteReader(frame.payload, "error");
  const code = reader.u16();
  return new NetlabError(code, reader.rest(), { fatal: frame.subtype === ErrorKind.Fatal });
}
