/**
 * Payload of type 2/4: a token, as its text. Converts bytes to the text and back. Does not know what a token
 * says.
 *
 * @module
 */
import { ErrorCode, ProtocolError } from "../errors.ts";
import { FrameType, Registration } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";

/** The size of the longest token: bytes. */
export const MAX_TOKEN_BYTES = 8_192;

/** The characters of a JSON Web Token: base64url and dots. */
const TOKEN = /^[A-Za-z0-9_.-]*$/;

/** Writes a token. Without one, it is the answer to a token that was accepted. */
export function writeToken(out: FrameWriter, token = ""): void {
  out.begin(FrameType.Registration, Registration.Token);
  out.text(token);
  out.end();
}

/**
 * Reads a token; "" if there is none.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.TokenTooLong} when it has more than {@linkcode MAX_TOKEN_BYTES},
 *   {@linkcode ErrorCode.TokenInvalid} when it has characters that a token cannot have.
 */
export function readToken(payload: Uint8Array): string {
  if (payload.length > MAX_TOKEN_BYTES) {
    throw new ProtocolError(
      ErrorCode.TokenTooLong,
      `Cannot use the token: it has ${payload.length} bytes, and at most ${MAX_TOKEN_BYTES} are ` +
        "allowed; get one with fewer claims",
      { fatal: true },
    );
  }
  const token = new TextDecoder("latin1").decode(payload);
  if (TOKEN.test(token)) return token;
  throw new ProtocolError(
    ErrorCode.TokenInvalid,
    "Cannot use the token: it is no JSON Web Token; send the text as it was issued",
    { fatal: true },
  );
}
