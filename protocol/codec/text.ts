/**
 * Checks and decodes text on the wire: UTF-8 and user names. Owns the rules for user names. Does not depend
 * on frames.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "./errors.ts";
import { quote } from "./names/quote.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** The decoder for ASCII text. It does not look for errors, so it takes a third of the time. */
const asciiDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** The size of the longest user name in UTF-8: bytes. The length field has one byte. */
export const MAX_NAME_BYTES = 255;

/**
 * Decodes the UTF-8 text in `bytes` from `start` to `end`.
 *
 * @param what Names the text in the error message.
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not UTF-8.
 */
export function readText(
  bytes: Uint8Array,
  start: number,
  end: number,
  what: string,
): string {
  const short = readShortAscii(bytes, start, end);
  if (short !== undefined) return short;
  if (isAscii(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end)) {
    return asciiDecoder.decode(bytes.subarray(start, end));
  }
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new ProtocolError(ErrorCode.Malformed, `Cannot read the ${what}: it is not UTF-8`, {
      cause,
    });
  }
}

/** Up to this length, ASCII text is decoded without a decoder, which is faster: bytes. */
const SHORT_BYTES = 64;

/** An array of character codes for each length. Making a string from it takes half the time of decoding. */
const codesOf: (number[] | undefined)[] = new Array(SHORT_BYTES + 1);

/** Decodes a short ASCII text. Returns `undefined` for any other text. */
function readShortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start > SHORT_BYTES) return undefined;
  if (end === start) return "";
  const codes = codesOf[end - start] ??= new Array<number>(end - start).fill(0);
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x80) return undefined;
    codes[at - start] = byte;
  }
  return String.fromCharCode.apply(null, codes);
}

/**
 * Checks that `bytes` from `start` to `end` are UTF-8, without decoding them.
 *
 * @param what Names the text in the error message.
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when they are not UTF-8.
 */
export function checkText(bytes: Uint8Array, start: number, end: number, what: string): void {
  if (isUtf8(bytes, start, end)) return;
  throw new ProtocolError(ErrorCode.Malformed, `Cannot read the ${what}: it is not UTF-8`);
}

/**
 * Returns whether `bytes` from `start` to `end` are valid UTF-8: no overlong forms, no surrogates, nothing
 * above U+10FFFF (Unicode, table 3-7).
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++]!;
    if (lead < 0x80) continue;
    // Some lead bytes narrow the range of the second byte. All later bytes are 80 to BF.
    let low = 0x80;
    let high = 0xbf;
    let more = 1;
    if (lead < 0xc2 || lead > 0xf4) return false;
    if (lead >= 0xf0) {
      more = 3;
      if (lead === 0xf0) low = 0x90;
      else if (lead === 0xf4) high = 0x8f;
    } else if (lead >= 0xe0) {
      more = 2;
      if (lead === 0xe0) low = 0xa0;
      else if (lead === 0xed) high = 0x9f;
    }
    if (end - at < more) return false;
    const second = bytes[at++]!;
    if (second < low || second > high) return false;
    for (; more > 1; more--) if ((bytes[at++]! & 0xc0) !== 0x80) return false;
  }
  return true;
}

/** The high bit of each of eight bytes. It is clear in ASCII. */
const HIGH_BITS = BigInt.asIntN(64, 0x8080_8080_8080_8080n);

/**
 * Returns whether the bytes of `view` from `start` to `end` are all ASCII. Checks 64 bytes at a time. A
 * separate function checks the rest, so that the compiler can inline this one into a loop.
 */
export function isAscii(view: DataView, start: number, end: number): boolean {
  let at = start;
  for (; at + 64 <= end; at += 64) {
    const any = view.getBigInt64(at, true) | view.getBigInt64(at + 8, true) |
      view.getBigInt64(at + 16, true) | view.getBigInt64(at + 24, true) |
      view.getBigInt64(at + 32, true) | view.getBigInt64(at + 40, true) |
      view.getBigInt64(at + 48, true) | view.getBigInt64(at + 56, true);
    if (BigInt.asIntN(64, any & HIGH_BITS) !== 0n) return false;
  }
  return at === end || isTailAscii(view, start, at, end);
}

/** Returns whether the bytes from `at` to `end` are all ASCII. The bytes from `start` to `at` must be ASCII. */
function isTailAscii(view: DataView, start: number, at: number, end: number): boolean {
  for (; at + 8 <= end; at += 8) {
    if (BigInt.asIntN(64, view.getBigInt64(at, true) & HIGH_BITS) !== 0n) return false;
  }
  // Checks the last bytes together with some that were already checked.
  if (end - start >= 8) {
    return BigInt.asIntN(64, view.getBigInt64(end - 8, true) & HIGH_BITS) === 0n;
  }
  for (; at < end; at++) if (view.getUint8(at) >= 0x80) return false;
  return true;
}

// C0 and C1 control characters, DEL, and the two line separators of Unicode.
// deno-lint-ignore no-control-regex
const NOT_IN_NAMES = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * Returns why `name` is not a valid user name, as the end of a sentence: "it is empty". Returns `undefined`
 * for a valid name, as {@linkcode checkName} defines it.
 */
export function invalidNameReason(name: string): string | undefined {
  // Most messages of a connection have the same few names.
  if (name === lastName || name === previousName) return undefined;
  const reason = findFault(name);
  if (reason === undefined) {
    previousName = lastName;
    lastName = name;
  }
  return reason;
}

/** The last two different names that were valid. */
let lastName = "netlab";
let previousName = lastName;

function findFault(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name !== name.trim()) return "it begins or ends with a space";
  if (NOT_IN_NAMES.test(name)) return "it contains a control character";
  if (name.length * 3 > MAX_NAME_BYTES && encoder.encode(name).length > MAX_NAME_BYTES) {
    return `it is longer than ${MAX_NAME_BYTES} bytes`;
  }
  // Encoding would replace the half with U+FFFD, which makes another name.
  if (!name.isWellFormed()) return "it contains half a surrogate pair";
  return undefined;
}

/**
 * Checks a user name: 1 to 255 bytes of UTF-8, no control characters, no space at either end. Returns it.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.NameInvalid} when the name is not valid.
 */
export function checkName(name: string): string {
  const reason = invalidNameReason(name);
  if (reason !== undefined) {
    throw new NetlabError(
      ErrorCode.NameInvalid,
      `Cannot use the user name ${quote(name)}: ${reason}`,
    );
  }
  return name;
}

/**
 * Decodes the user name in `bytes` from `start` to `end`.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.NameInvalid} when it is not a valid name,
 *   {@linkcode ErrorCode.Malformed} when it is not UTF-8.
 */
export function readName(bytes: Uint8Array, start: number, end: number): string {
  const name = readText(bytes, start, end, "user name");
  const reason = invalidNameReason(name);
  if (reason !== undefined) {
    throw new ProtocolError(
      ErrorCode.NameInvalid,
      `Cannot use the user name ${quote(name)}: ${reason}`,
    );
  }
  return name;
}

/** Shortens a text to at most 255 bytes of UTF-8, between two characters. "…" stands for the rest. */
export function shortenText(text: string): string {
  if (text.length <= 85) return text;
  if (encoder.encodeInto(text, new Uint8Array(255)).read === text.length) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(252));
  return `${text.slice(0, read)}…`;
}
