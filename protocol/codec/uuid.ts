/**
 * UUIDs: as text in strings, as text in buffers, where nothing is made of them but numbers, and as 16
 * bytes. Owns their form; what stands in one is for others.
 *
 * @module
 */

/** The UUID of 16 zero bytes, where a session key is expected and there is no session. */
export const NIL_UUID = "00000000-0000-0000-0000-000000000000";

const encoder = new TextEncoder();
/** The hex digits, ASCII. */
export const HEX_DIGITS: Uint8Array = encoder.encode("0123456789abcdef");

/**
 * The codes of a UUID in text, with its hyphens where they belong: a string is made of these in half the
 * time that it takes from a part of a buffer.
 */
const codes: number[] = Array.from(encoder.encode(NIL_UUID));

/** What stands in {@linkcode HEX_PAIRS} for two characters that are no hex digits. */
export const NO_HEX_PAIR = 0x100;

/** The byte that two hex digits of either case stand for, by the first and, times 256, the second. */
export const HEX_PAIRS: Uint16Array = new Uint16Array(65_536).fill(NO_HEX_PAIR);
for (const [high, first] of digits()) {
  for (const [low, second] of digits()) HEX_PAIRS[first | (second << 8)] = (high << 4) | low;
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
    bytes[at + i] = HEX_PAIRS[uuid.charCodeAt(from) | (uuid.charCodeAt(from + 1) << 8)]!;
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

/** Two hex digits of each byte: the second times 256, and the first. */
const HEX_CODES = Uint16Array.from(
  { length: 256 },
  (_, byte) => HEX_DIGITS[byte >>> 4]! | (HEX_DIGITS[byte & 15]! << 8),
);

/** Writes the UUID whose 16 bytes are four numbers of 32 bits, big-endian, in lower-case text to `view` at `at`. */
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

/** Writes the last 16 bits of a number as four digits. */
function writeHex(number: number, view: DataView, at: number): void {
  view.setUint16(at, HEX_CODES[(number >>> 8) & 0xff]!, true);
  view.setUint16(at + 2, HEX_CODES[number & 0xff]!, true);
}

/** Whether an id, as four numbers of 32 bits from `at` on, carries a stream and a counter. */
export function isSequenceId(words: Int32Array, at: number): boolean {
  return (words[at + 1]! & 0xf000) === 0x8000 && words[at + 2]! >>> 30 === 0b10;
}

/** The same of an id in text that begins at `at` in `view`, when it is one. */
export function isSequenceIdText(view: DataView, at: number): boolean {
  if (view.getUint8(at + 14) !== 0x38) return false;
  // "8", "9", "a" or "b": of these letters, this bit makes small ones.
  const variant = view.getUint8(at + 19) | 0x20;
  return variant === 0x38 || variant === 0x39 || variant === 0x61 || variant === 0x62;
}

/** Length of a UUID in text. */
export const UUID_TEXT_BYTES = 36;

/**
 * Reads a UUID in text that begins at `at` in `view`: hex digits of either case in groups of 8, 4, 4, 4 and 12
 * with hyphens between them, of any version. 36 bytes must be there.
 *
 * @param words Gets its 16 bytes as four numbers of 32 bits, big-endian.
 * @returns Whether it is one.
 */
export function readUuidWords(view: DataView, at: number, words: Int32Array): boolean {
  only[0] = at;
  return readUuidRow(view, only, 0, 1, words) === 1;
}

const only = new Int32Array(1);

/**
 * Reads `count` of them, each `skip` bytes behind its place in `starts`: as a loop of its own, as it is too
 * long to be compiled into one that does more.
 *
 * @param words Gets four numbers for each.
 * @returns How many are UUIDs, until the first that is none.
 */
export function readUuidRow(
  view: DataView,
  starts: Int32Array,
  skip: number,
  count: number,
  words: Int32Array,
): number {
  for (let index = 0; index < count; index++) {
    const at = starts[index]! + skip;
    const to = 4 * index;
    // Few reads: each costs a comparison with the end of the buffer. And one word after the other, so that
    // what is at hand fits into the processor's registers.
    let t = view.getInt32(at, true);
    let a = HEX_PAIRS[t & 0xffff]!;
    let b = HEX_PAIRS[t >>> 16]!;
    t = view.getInt32(at + 4, true);
    let c = HEX_PAIRS[t & 0xffff]!;
    let d = HEX_PAIRS[t >>> 16]!;
    let any = a | b | c | d;
    words[to] = (a << 24) | (b << 16) | (c << 8) | d;

    const t2 = view.getInt32(at + 8, true);
    const t3 = view.getInt32(at + 12, true);
    const t4 = view.getInt32(at + 16, true);
    a = HEX_PAIRS[(t2 >>> 8) & 0xffff]!;
    b = HEX_PAIRS[(t2 >>> 24) | ((t3 & 0xff) << 8)]!;
    c = HEX_PAIRS[t3 >>> 16]!;
    d = HEX_PAIRS[t4 & 0xffff]!;
    any |= a | b | c | d;
    words[to + 1] = (a << 24) | (b << 16) | (c << 8) | d;

    const t5 = view.getInt32(at + 20, true);
    a = HEX_PAIRS[(t4 >>> 24) | ((t5 & 0xff) << 8)]!;
    b = HEX_PAIRS[(t5 >>> 8) & 0xffff]!;
    t = view.getInt32(at + 24, true);
    c = HEX_PAIRS[t & 0xffff]!;
    d = HEX_PAIRS[t >>> 16]!;
    any |= a | b | c | d;
    words[to + 2] = (a << 24) | (b << 16) | (c << 8) | d;

    t = view.getInt32(at + 28, true);
    a = HEX_PAIRS[t & 0xffff]!;
    b = HEX_PAIRS[t >>> 16]!;
    t = view.getInt32(at + 32, true);
    c = HEX_PAIRS[t & 0xffff]!;
    d = HEX_PAIRS[t >>> 16]!;
    any |= a | b | c | d;
    words[to + 3] = (a << 24) | (b << 16) | (c << 8) | d;

    const hyphens = (t2 & 0xff) | (t3 & 0xff00) | (t4 & 0xff_0000) | (t5 & 0xff00_0000);
    if ((any & NO_HEX_PAIR) !== 0 || hyphens !== HYPHENS) return index;
  }
  return count;
}

/** Four hyphens. */
const HYPHENS = 0x2d2d_2d2d;
const HYPHEN = 0x2d;

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
    any |= first > 0xff || second > 0xff ? NO_HEX_PAIR : HEX_PAIRS[first | (second << 8)]!;
  }
  return (any & NO_HEX_PAIR) === 0;
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
