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

/** Four bytes of which each has only its high bit set: no byte of ASCII has it. */
const HIGH_BITS = 0x8080_8080;

/** Whether the bytes from `start` to `end` are all ASCII, 16 at a time. */
export function isAscii(view: DataView, start: number, end: number): boolean {
  let at = start;
  for (; at + 16 <= end; at += 16) {
    const any = view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) |
      view.getInt32(at + 12);
    if ((any & HIGH_BITS) !== 0) return false;
  }
  for (; at + 4 <= end; at += 4) if ((view.getInt32(at) & HIGH_BITS) !== 0) return false;
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

const HEX_DIGITS = encoder.encode("0123456789abcdef");

/** The codes of a UUID in text, with its hyphens where they belong; for the same reason as above. */
const codes: number[] = Array.from(encoder.encode(NIL_UUID));

/** What stands in {@linkcode PAIRS} for two characters that are no hex digits. */
const NO_PAIR = 0x100;

/** The byte that two hex digits of either case stand for, by the first and, times 256, the second. */
const PAIRS = new Uint16Array(65_536).fill(NO_PAIR);
for (const [high, first] of digits()) {
  for (const [low, second] of digits()) PAIRS[first | (second << 8)] = (high << 4) | low;
}

function* digits(): Iterable<[value: number, code: number]> {
  for (const digit of "0123456789abcdefABCDEF") {
    yield [Number.parseInt(digit, 16), digit.charCodeAt(0)];
  }
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
    bytes[at + i] = PAIRS[uuid.charCodeAt(from) | (uuid.charCodeAt(from + 1) << 8)]!;
    from += 2;
  }
}

const wordBytes = new Uint8Array(16);
const wordView = new DataView(wordBytes.buffer);

/** The UUID whose 16 bytes are the four numbers of 32 bits in `words`, big-endian, in lower-case text. */
export function readUuidOf(words: Int32Array): string {
  for (let i = 0; i < 4; i++) wordView.setInt32(4 * i, words[i]!);
  return readUuid(wordBytes, 0);
}

/** Writes the 16 bytes of a UUID in text to `words`, as four numbers of 32 bits, and returns those. */
export function uuidWords(uuid: string, words: Int32Array): Int32Array {
  writeUuid(uuid, wordBytes, 0);
  for (let i = 0; i < 4; i++) words[i] = wordView.getInt32(4 * i);
  return words;
}

/** Length of a UUID in text. */
export const UUID_TEXT_BYTES = 36;

/**
 * Reads a UUID in text that begins at `at` in `view`: hex digits of either case in groups of 8, 4, 4, 4 and 12
 * with hyphens between them, of any version. 36 bytes must be there.
 *
 * @param words Gets its 16 bytes as four numbers of 32 bits, big-endian, from `to` on.
 * @returns Whether it is one.
 */
export function readUuidWords(
  view: DataView,
  at: number,
  words: Int32Array,
  to: number,
): boolean {
  const a = pair(view, at);
  const b = pair(view, at + 2);
  const c = pair(view, at + 4);
  const d = pair(view, at + 6);
  const e = pair(view, at + 9);
  const f = pair(view, at + 11);
  const g = pair(view, at + 14);
  const h = pair(view, at + 16);
  const i = pair(view, at + 19);
  const j = pair(view, at + 21);
  const k = pair(view, at + 24);
  const l = pair(view, at + 26);
  const m = pair(view, at + 28);
  const n = pair(view, at + 30);
  const o = pair(view, at + 32);
  const p = pair(view, at + 34);
  words[to] = (a << 24) | (b << 16) | (c << 8) | d;
  words[to + 1] = (e << 24) | (f << 16) | (g << 8) | h;
  words[to + 2] = (i << 24) | (j << 16) | (k << 8) | l;
  words[to + 3] = (m << 24) | (n << 16) | (o << 8) | p;
  return ((a | b | c | d | e | f | g | h | i | j | k | l | m | n | o | p) & NO_PAIR) === 0 &&
    view.getUint8(at + 8) === HYPHEN && view.getUint8(at + 13) === HYPHEN &&
    view.getUint8(at + 18) === HYPHEN &&
    view.getUint8(at + 23) === HYPHEN;
}

const HYPHEN = 0x2d;

function pair(view: DataView, at: number): number {
  return PAIRS[view.getUint16(at, true)]!;
}

/** Whether a string is a UUID of any version; in half the time of a regular expression. */
function isUuid(text: string): boolean {
  if (text.length !== UUID_TEXT_BYTES) return false;
  let any = 0;
  for (let i = 0; i < UUID_TEXT_BYTES; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (text.charCodeAt(i) !== HYPHEN) return false;
      i++;
    }
    const first = text.charCodeAt(i);
    const second = text.charCodeAt(i + 1);
    any |= first > 0xff || second > 0xff ? NO_PAIR : PAIRS[first | (second << 8)]!;
  }
  return (any & NO_PAIR) === 0;
}

/**
 * Lets a UUID in text of any version pass, in lower case.
 *
 * @throws {TypeError} When it is not one. `what` names the thing in the sentence.
 */
export function checkUuid(uuid: string, what: string): string {
  if (!isUuid(uuid)) {
    throw new TypeError(`Cannot use ${JSON.stringify(uuid)} as ${what}: it is not a UUID`);
  }
  return uuid.toLowerCase();
}
