/**
 * Text on the wire: UTF-8 that is checked, user names, and lists joined by NUL. Owns the rules for what
 * a name is; knows nothing of frames.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "./errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** For what is known to be ASCII: one that need not find faults takes a third of the time. */
const asciiDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Longest user name: its length travels in one byte. */
export const MAX_NAME_BYTES = 255;

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

/** Up to this length, strings of ASCII are made without a decoder, in less time: bytes. */
const SHORT_BYTES = 64;

/** An array for each length: it becomes a string in half the time that a part of a buffer does. */
const codesOf: (number[] | undefined)[] = new Array(SHORT_BYTES + 1);

/** The string, when it is short and all ASCII. */
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
 * Checks that `bytes` from `start` to `end` are UTF-8, without making a string of them.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when they are not. `what` names the thing.
 */
export function checkText(bytes: Uint8Array, start: number, end: number, what: string): void {
  if (isUtf8(bytes, start, end)) return;
  throw new ProtocolError(ErrorCode.Malformed, `Cannot read the ${what}: it is not UTF-8`);
}

/**
 * Whether `bytes` from `start` to `end` are UTF-8: neither more bytes for a character than it needs,
 * nor half a surrogate pair, nor anything beyond U+10FFFF (Unicode, table 3-7).
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++]!;
    if (lead < 0x80) continue;
    // The second byte has bounds of its own after some first ones; all others are 80 to BF.
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

/** Eight bytes of which each has only its high bit set: no byte of ASCII has it. */
const HIGH_BITS = BigInt.asIntN(64, 0x8080_8080_8080_8080n);

/**
 * Whether the bytes from `start` to `end` are all ASCII. 64 at a time while there are so many; the rest
 * has a function of its own, so that this one is short enough to be compiled into a loop that calls it.
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
  return at === end || isAsciiToo(view, start, at, end);
}

/** The same from `at` on, where all from `start` to `at` are ASCII. */
function isAsciiToo(view: DataView, start: number, at: number, end: number): boolean {
  for (; at + 8 <= end; at += 8) {
    if (BigInt.asIntN(64, view.getBigInt64(at, true) & HIGH_BITS) !== 0n) return false;
  }
  // The last few, together with some that were looked at before, where there are any.
  if (end - start >= 8) {
    return BigInt.asIntN(64, view.getBigInt64(end - 8, true) & HIGH_BITS) === 0n;
  }
  for (; at < end; at++) if (view.getUint8(at) >= 0x80) return false;
  return true;
}

// C0 and C1 control characters, DEL, and the two line separators of Unicode.
// deno-lint-ignore no-control-regex
const NOT_IN_NAMES = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Why `name` cannot be a user's name, as the end of a sentence; `undefined` when it can. */
export function whyNotAName(name: string): string | undefined {
  // A connection has the same few names in all its messages.
  if (name === lastName || name === nameBefore) return undefined;
  const why = findFault(name);
  if (why === undefined) {
    nameBefore = lastName;
    lastName = name;
  }
  return why;
}

/** The names that were found to be good last. */
let lastName = "netlab";
let nameBefore = lastName;

function findFault(name: string): string | undefined {
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
