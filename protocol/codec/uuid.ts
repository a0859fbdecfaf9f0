/**
 * Converts UUIDs between their four forms: a string, text in a buffer, 16 bytes, and four 32-bit numbers
 * ("words"). Does not know what an id identifies.
 *
 * @module
 */
import { quote } from "./names/quote.ts";

/** The UUID of 16 zero bytes. It stands for "none" in fields that require a UUID. */
export const NIL_UUID = "00000000-0000-0000-0000-000000000000";

const encoder = new TextEncoder();
/** The ASCII codes of the lower-case hex digits. */
export const HEX_DIGITS: Uint8Array = encoder.encode("0123456789abcdef");

/**
 * The character codes of a UUID in text, including its hyphens. Making a string from an array of codes takes
 * half the time of decoding part of a buffer.
 */
const codes: number[] = Array.from(encoder.encode(NIL_UUID));

/** The entry of {@linkcode HEX_TO_BYTE} for two characters that are not both hex digits. */
export const NOT_HEX = 0x100;

/**
 * The bytes that pairs of hex digits of either case encode. The index is the code of the first digit plus 256
 * times that of the second.
 */
export const HEX_TO_BYTE: Uint16Array = new Uint16Array(65_536).fill(NOT_HEX);
for (const [high, first] of digits()) {
  for (const [low, second] of digits()) HEX_TO_BYTE[first | (second << 8)] = (high << 4) | low;
}

function* digits(): Iterable<[value: number, code: number]> {
  for (const digit of "0123456789abcdefABCDEF") {
    yield [Number.parseInt(digit, 16), digit.charCodeAt(0)];
  }
}

/** Reads the 16 bytes of a UUID at index `at`. Returns lower-case text. */
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

/** Reads the UUID in text at index `at`, which must be valid. Returns it in lower case. */
export function readUuidText(bytes: Uint8Array, at: number): string {
  // This bit turns letters into lower case. Digits and hyphens already have it.
  for (let i = 0; i < UUID_TEXT_BYTES; i++) codes[i] = bytes[at + i]! | 0x20;
  return String.fromCharCode.apply(null, codes);
}

/** Writes the 16 bytes of `uuid`, which must be a valid UUID in text, to `bytes` at index `at`. */
export function writeUuid(uuid: string, bytes: Uint8Array, at: number): void {
  let from = 0;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) from++;
    bytes[at + i] = HEX_TO_BYTE[uuid.charCodeAt(from) | (uuid.charCodeAt(from + 1) << 8)]!;
    from += 2;
  }
}

const wordBytes = new Uint8Array(16);
const wordView = new DataView(wordBytes.buffer);

/** Formats a UUID that is given as four big-endian words. Returns lower-case text. */
export function readUuidOf(words: Int32Array): string {
  for (let i = 0; i < 4; i++) wordView.setInt32(4 * i, words[i]!);
  return readUuid(wordBytes, 0);
}

/** Stores `uuid`, which must be a valid UUID in text, in `words` as four big-endian words. Returns `words`. */
export function uuidWords(uuid: string, words: Int32Array): Int32Array {
  writeUuid(uuid, wordBytes, 0);
  for (let i = 0; i < 4; i++) words[i] = wordView.getInt32(4 * i);
  return words;
}

/** The two hex digits of each byte: the code of the first digit plus 256 times that of the second. */
const HEX_CODES = Uint16Array.from(
  { length: 256 },
  (_, byte) => HEX_DIGITS[byte >>> 4]! | (HEX_DIGITS[byte & 15]! << 8),
);

/**
 * Writes a UUID that is given as four big-endian words to `view` at index `at`, as 36 bytes of lower-case
 * text.
 */
export function writeUuidText(
  id0: number,
  id1: number,
  id2: number,
  id3: number,
  view: DataView,
  at: number,
): void {
  writeHex(id0 >>> 16, view, at);
  writeHex(id0, view, at + 4);
  view.setUint8(at + 8, HYPHEN);
  writeHex(id1 >>> 16, view, at + 9);
  view.setUint8(at + 13, HYPHEN);
  writeHex(id1, view, at + 14);
  view.setUint8(at + 18, HYPHEN);
  writeHex(id2 >>> 16, view, at + 19);
  view.setUint8(at + 23, HYPHEN);
  writeHex(id2, view, at + 24);
  writeHex(id3 >>> 16, view, at + 28);
  writeHex(id3, view, at + 32);
}

/** Writes the lowest 16 bits of a number as four hex digits. */
function writeHex(number: number, view: DataView, at: number): void {
  view.setUint16(at, HEX_CODES[(number >>> 8) & 0xff]!, true);
  view.setUint16(at + 2, HEX_CODES[number & 0xff]!, true);
}

/**
 * Returns whether the id in four words from index `at` is a sequence id: version 8, with a stream and a
 * number.
 */
export function isSequenceId(words: Int32Array, at: number): boolean {
  return (words[at + 1]! & 0xf000) === 0x8000 && words[at + 2]! >>> 30 === 0b10;
}

/** Returns whether the UUID in text at index `at` in `view` is a sequence id. The text must be a valid UUID. */
export function isSequenceIdText(view: DataView, at: number): boolean {
  if (view.getUint8(at + 14) !== 0x38) return false;
  // The digit is "8", "9", "a" or "b". The bit turns letters into lower case.
  const variant = view.getUint8(at + 19) | 0x20;
  return variant === 0x38 || variant === 0x39 || variant === 0x61 || variant === 0x62;
}

/** The length of a UUID in text: bytes. */
export const UUID_TEXT_BYTES = 36;

/**
 * Reads the UUID in text at index `at` in `view`, of any version and with hex digits of either case. `view`
 * must contain 36 bytes from there on.
 *
 * @param words Receives the id as four big-endian words.
 * @returns Whether the text is a UUID. If not, the contents of `words` are undefined.
 */
export function readUuidWords(view: DataView, at: number, words: Int32Array): boolean {
  single[0] = at;
  return readManyUuidWords(view, single, 0, 1, words) === 1;
}

const single = new Int32Array(1);

/**
 * Reads UUIDs in text as {@linkcode readUuidWords} does. Each is `offset` bytes after its position in
 * `starts`. Reads many at once because a call for each would cost more than reading it.
 *
 * @param count The number of elements of `starts` that are used.
 * @param words Receives four words for each id.
 * @returns The number of UUIDs before the first text that is not one.
 */
export function readManyUuidWords(
  view: DataView,
  starts: Int32Array,
  offset: number,
  count: number,
  words: Int32Array,
): number {
  for (let index = 0; index < count; index++) {
    const at = starts[index]! + offset;
    const to = 4 * index;
    // Reads few times, because each read checks the end of the buffer. Computes one word after the other, so
    // that the intermediate values fit into the registers of the processor.
    let t = view.getInt32(at, true);
    let a = HEX_TO_BYTE[t & 0xffff]!;
    let b = HEX_TO_BYTE[t >>> 16]!;
    t = view.getInt32(at + 4, true);
    let c = HEX_TO_BYTE[t & 0xffff]!;
    let d = HEX_TO_BYTE[t >>> 16]!;
    let any = a | b | c | d;
    words[to] = (a << 24) | (b << 16) | (c << 8) | d;

    const t2 = view.getInt32(at + 8, true);
    const t3 = view.getInt32(at + 12, true);
    const t4 = view.getInt32(at + 16, true);
    a = HEX_TO_BYTE[(t2 >>> 8) & 0xffff]!;
    b = HEX_TO_BYTE[(t2 >>> 24) | ((t3 & 0xff) << 8)]!;
    c = HEX_TO_BYTE[t3 >>> 16]!;
    d = HEX_TO_BYTE[t4 & 0xffff]!;
    any |= a | b | c | d;
    words[to + 1] = (a << 24) | (b << 16) | (c << 8) | d;

    const t5 = view.getInt32(at + 20, true);
    a = HEX_TO_BYTE[(t4 >>> 24) | ((t5 & 0xff) << 8)]!;
    b = HEX_TO_BYTE[(t5 >>> 8) & 0xffff]!;
    t = view.getInt32(at + 24, true);
    c = HEX_TO_BYTE[t & 0xffff]!;
    d = HEX_TO_BYTE[t >>> 16]!;
    any |= a | b | c | d;
    words[to + 2] = (a << 24) | (b << 16) | (c << 8) | d;

    t = view.getInt32(at + 28, true);
    a = HEX_TO_BYTE[t & 0xffff]!;
    b = HEX_TO_BYTE[t >>> 16]!;
    t = view.getInt32(at + 32, true);
    c = HEX_TO_BYTE[t & 0xffff]!;
    d = HEX_TO_BYTE[t >>> 16]!;
    any |= a | b | c | d;
    words[to + 3] = (a << 24) | (b << 16) | (c << 8) | d;

    const hyphens = (t2 & 0xff) | (t3 & 0xff00) | (t4 & 0xff_0000) | (t5 & 0xff00_0000);
    if ((any & NOT_HEX) !== 0 || hyphens !== HYPHENS) return index;
  }
  return count;
}

/** Four hyphens. */
const HYPHENS = 0x2d2d_2d2d;
const HYPHEN = 0x2d;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Checks that `uuid` is a UUID in text, of any version. Returns it in lower case.
 *
 * @param what Names the value in the error message.
 * @throws {TypeError} When it is not a UUID.
 */
export function checkUuid(uuid: string, what: string): string {
  if (!UUID.test(uuid)) {
    throw new TypeError(`Cannot use ${quote(uuid)} as ${what}: it is not a UUID`);
  }
  return uuid.toLowerCase();
}
