/**
 * Text on the wire: UTF-8 that is checked, user names, lists joined by NUL, and UUIDs. Owns the rules
 * for what a name is; knows nothing of frames.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "./errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Longest user name: its length travels in one byte. */
export const MAX_NAME_BYTES = 255;

/** The UUID of 16 zero bytes, where a session key is expected and there is no session. */
export const NIL_UUID = "00000000-0000-0000-0000-000000000000";

/**
 * The string in `bytes`, or in its part from `start` to `end`.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not UTF-8. `what` names the
 *   thing in the sentence.
 */
export function readText(
  bytes: Uint8Array,
  start: number,
  end: number,
  what: string,
): string {
  const ascii = readShortAscii(bytes, start, end);
  if (ascii !== undefined) return ascii;
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new ProtocolError(ErrorCode.Malformed, `Cannot read the ${what}: it is not UTF-8`, {
      cause,
    });
  }
}

/** Up to this length, strings of ASCII are made without the decoder: it costs a microsecond a call. */
const SHORT_BYTES = 64;

/** The string, when it is short and all ASCII. */
function readShortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start > SHORT_BYTES) return undefined;
  for (let at = start; at < end; at++) if (bytes[at]! >= 0x80) return undefined;
  return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
}

/**
 * Checks that `bytes` from `start` to `end` are UTF-8 without making a string where all is ASCII.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when they are not. `what` names the thing.
 */
export function checkText(bytes: Uint8Array, start: number, end: number, what: string): void {
  for (let at = start; at < end; at++) {
    if (bytes[at]! >= 0x80) {
      readText(bytes, at, end, what);
      return;
    }
  }
}

// C0 and C1 control characters, DEL, and the two line separators of Unicode.
// deno-lint-ignore no-control-regex
const NOT_IN_NAMES = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Why `name` cannot be a user's name, as the end of a sentence; `undefined` when it can. */
export function whyNotAName(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name !== name.trim()) return "it begins or ends with a space";
  if (NOT_IN_NAMES.test(name)) return "it holds a control character";
  if (name.length * 3 > MAX_NAME_BYTES && encoder.encode(name).length > MAX_NAME_BYTES) {
    return `it is longer than ${MAX_NAME_BYTES} bytes`;
  }
  // It would arrive as another name, with U+FFFD in it.
  if (!name.isWellFormed()) return "it holds half a surrogate pair";
  return undefined;
}

/**
 * Lets a valid user name pass: 1 to 255 bytes of UTF-8, no control characters, no space at its ends.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.NameInvalid} for any other.
 */
export function checkName(name: string): string {
  const why = whyNotAName(name);
  if (why !== undefined) {
    throw new NetlabError(
      ErrorCode.NameInvalid,
      `Cannot use the user name ${JSON.stringify(name)}: ${why}`,
    );
  }
  return name;
}

/**
 * The user name in `bytes` from `start` to `end`.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.NameInvalid} when it is not a valid name,
 *   {@linkcode ErrorCode.Malformed} when it is not UTF-8.
 */
export function readName(bytes: Uint8Array, start: number, end: number): string {
  const name = readText(bytes, start, end, "user name");
  const why = whyNotAName(name);
  if (why !== undefined) {
    throw new ProtocolError(
      ErrorCode.NameInvalid,
      `Cannot use the user name ${JSON.stringify(name)}: ${why}`,
    );
  }
  return name;
}

const HEX_DIGITS = encoder.encode("0123456789abcdef");

/**
 * The codes of a UUID in text, with its hyphens where they belong: a string is made of these in half the
 * time that it takes from a part of a buffer.
 */
const codes: number[] = Array.from(encoder.encode(NIL_UUID));

/** Value of an ASCII code as a hex digit, or 255. */
const DIGIT = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGIT[digit.charCodeAt(0)] = value;
  DIGIT[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The UUID whose 16 bytes begin at `at`, in lower-case text. */
export function readUuid(bytes: Uint8Array, at: number): string {
  let to = 0;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) to++;
    const byte = bytes[at + i]!;
    codes[to++] = HEX_DIGITS[byte >>> 4]!;
    codes[to++] = HEX_DIGITS[byte & 15]!;
  }
  return String.fromCharCode.apply(null, codes);
}

/** The UUID in text that begins at `at`, in lower case. It must be one. */
export function readUuidText(bytes: Uint8Array, at: number): string {
  // This bit makes letters small, and digits and hyphens have it.
  for (let i = 0; i < UUID_TEXT_BYTES; i++) codes[i] = bytes[at + i]! | 0x20;
  return String.fromCharCode.apply(null, codes);
}

/** Writes the 16 bytes of a UUID in text to `bytes` at `at`. */
export function writeUuid(uuid: string, bytes: Uint8Array, at: number): void {
  let from = 0;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) from++;
    bytes[at + i] = (DIGIT[uuid.charCodeAt(from)]! << 4) | DIGIT[uuid.charCodeAt(from + 1)]!;
    from += 2;
  }
}

/** Length of a UUID in text. */
export const UUID_TEXT_BYTES = 36;

/**
 * Whether a UUID in text begins at `at`: hex digits in groups of 8, 4, 4, 4 and 12 with hyphens
 * between them, of any version. 36 bytes must be there.
 */
export function isUuidText(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < UUID_TEXT_BYTES; i++) {
    const byte = bytes[at + i]!;
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (byte !== 0x2d) return false;
    } else if (DIGIT[byte] === 255) return false;
  }
  return true;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Lets a UUID in text of any version pass, in lower case.
 *
 * @throws {TypeError} When it is not one. `what` names the thing in the sentence.
 */
export function checkUuid(uuid: string, what: string): string {
  if (!UUID.test(uuid)) {
    throw new TypeError(`Cannot use ${JSON.stringify(uuid)} as ${what}: it is not a UUID`);
  }
  return uuid.toLowerCase();
}
