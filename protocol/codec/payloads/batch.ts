/**
 * Payload of type 3/4: many messages of one sender to one recipient, which nobody keeps. Two readers for
 * one layout, as for a single message: values for programs, positions for a server that passes a batch on
 * or takes it apart.
 *
 * @module
 */
import { ErrorCode, ProtocolError } from "../errors.ts";
import { type Frame, FrameType, HEADER_BYTES, MAX_PAYLOAD_BYTES, MessageKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { type Message, textTooLong } from "./message.ts";
import { checkName, isAscii, isUtf8, readName, readText } from "../text.ts";
import { HEX_DIGITS, isSequenceId, readUuidOf, UUID_TEXT_BYTES, uuidWords } from "../uuid.ts";

/** Many messages of one sender to one recipient. */
export interface Batch {
  /** The id of the first message: a counted one. Those behind it have the numbers that follow. */
  id: string;
  /** The name of the user who sent them. */
  sender: string;
  /** The name of the user they are for. */
  recipient: string;
  /** Their texts, 1 at least. */
  texts: readonly string[];
}

/** Messages in a batch at most: whoever reads none gets them one by one, with all that stands beside a text. */
export const MAX_BUNDLED = 4_096;

const ID_BYTES = 16;
/** The id, how long both names are, and how many texts there are. */
const FIXED_BYTES = ID_BYTES + 1 + 1 + 2;
/** Bytes of a text's length. */
const LENGTH_BYTES = 2;
/** The shortest payload that can be a batch: names of one byte, and one text without any. */
const MIN_BYTES = FIXED_BYTES + 1 + 1 + LENGTH_BYTES;
/** What stands beside names and text in a message of type 3/0. */
const SINGLE_BYTES = UUID_TEXT_BYTES + 3;
/** The number in a counted id has 32 bits. */
const NUMBERS = 2 ** 32;
/** Those are so many digits. */
const NUMBER_DIGITS = 8;

const encoder = new TextEncoder();
const words = new Int32Array(4);

/** The longest text that a message of type 3/0, or one in a batch, has room for: bytes of UTF-8. */
export function maxTextBytes(sender: string, recipient: string): number {
  return MAX_PAYLOAD_BYTES - SINGLE_BYTES - encoder.encode(sender + recipient).length;
}

/**
 * Lets a text pass that has no more than `most` bytes of UTF-8.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.TextTooLong} for a longer one.
 */
export function checkTextBytes(text: string, recipient: string, most: number): void {
  const { length } = encoder.encode(text);
  if (length > most) throw textTooLong(length, recipient, most);
}

/**
 * Writes as many of the texts as one frame takes, from the first one on.
 *
 * @param hops How many servers passed it on.
 * @returns How many it took: the texts that are left go on with a number so much higher in their id.
 * @throws {TypeError} When the id is not a counted one, or has no higher numbers for so many texts, or
 *   there is none.
 * @throws {NetlabError} {@linkcode ErrorCode.NameInvalid} for a name that is none,
 *   {@linkcode ErrorCode.TextTooLong} when the first text fits into no frame; nothing is written then.
 */
export function writeBatch(
  out: FrameWriter,
  { id, sender, recipient, texts }: Batch,
  hops = 0,
): number {
  checkName(sender);
  checkName(recipient);
  if (texts.length === 0) throw new TypeError("Cannot send a batch of no texts");
  const most = maxTextBytes(sender, recipient);
  const { bytes, lengths } = encode(texts, most);
  // The first one did not fit.
  if (lengths.length === 0) checkTextBytes(texts[0]!, recipient, most);
  uuidWords(id, words);
  if (!isSequenceId(words, 0) || (words[3]! >>> 0) + lengths.length > NUMBERS) {
    throw new TypeError(`Cannot use ${JSON.stringify(id)} for a batch: it does not count so far`);
  }
  out.begin(FrameType.Message, MessageKind.Batch, hops);
  out.uuid(id);
  out.shortText(sender);
  out.shortText(recipient);
  out.u16(lengths.length);
  for (const length of lengths) out.u16(length);
  out.bytes(bytes);
  out.end();
  return lengths.length;
}

/** As many texts as fit, one behind the other, and how long each is; `most` bytes is the longest. */
function encode(
  texts: readonly string[],
  most: number,
): { bytes: Uint8Array; lengths: number[] } {
  const room = most + SINGLE_BYTES - FIXED_BYTES;
  const lengths: number[] = [];
  let left = room;
  // A text has at least as many bytes as UTF-16 units, and as many when it is all ASCII.
  for (const { length } of texts) {
    left -= LENGTH_BYTES + length;
    if (left < 0 || length > most || lengths.length === MAX_BUNDLED) break;
    lengths.push(length);
  }
  const some = texts.slice(0, lengths.length);
  const units = lengths.reduce((sum, length) => sum + length, 0);
  const bytes = encoder.encode(some.join(""));
  if (bytes.length === units) return { bytes, lengths };
  // Each by itself: two halves of a surrogate pair that meet are no character.
  const all = new Uint8Array(room);
  let at = 0;
  let count = 0;
  for (const text of some) {
    const part = encoder.encode(text);
    if (part.length > most || at + part.length + LENGTH_BYTES * (count + 1) > room) break;
    all.set(part, at);
    lengths[count++] = part.length;
    at += part.length;
  }
  lengths.length = count;
  return { bytes: all.subarray(0, at), lengths };
}

/** Where the fields of a batch lie in a buffer. Positions, so that nothing is copied or decoded. */
export class BatchFields {
  /** The buffer. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The same. */
  view: DataView = new DataView(this.bytes.buffer);
  /** The 16 bytes of the first message's id, as four numbers of 32 bits, big-endian. */
  readonly idWords: Int32Array = new Int32Array(4);
  /** Start of the sender's name. */
  sender = 0;
  /** Its end. */
  senderEnd = 0;
  /** Start of the recipient's name. */
  recipient = 0;
  /** Its end. */
  recipientEnd = 0;
  /** How many messages there are. */
  count = 0;
  /** Start of the texts' lengths, two bytes each. */
  lengths = 0;
  /** Start of the texts. */
  texts = 0;
  /** End of the texts and of the payload. */
  end = 0;
  /** Why it is no batch, as the end of a sentence. */
  fault = "";

  /**
   * Finds the fields of the payload in `bytes` from `start` to `end`, and checks the id, the lengths and
   * that every text is UTF-8. The names are whatever stands there, but for NULs: whoever uses them looks
   * them up.
   *
   * @returns Whether it is a batch; else {@linkcode BatchFields.fault} says why not.
   */
  find(bytes: Uint8Array, start: number, end: number): boolean {
    // One frame after the other lies in the same buffer.
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const { view, idWords } = this;
    if (end - start < MIN_BYTES) return this.#is("it is too short");
    for (let i = 0; i < 4; i++) idWords[i] = view.getInt32(start + 4 * i);
    this.end = end;
    this.sender = start + ID_BYTES + 1;
    this.senderEnd = this.sender + bytes[this.sender - 1]!;
    this.recipient = this.senderEnd + 1;
    if (this.recipient > end) return this.#is(TOO_EARLY);
    this.recipientEnd = this.recipient + bytes[this.senderEnd]!;
    this.lengths = this.recipientEnd + 2;
    if (this.lengths > end) return this.#is(TOO_EARLY);
    const count = this.count = view.getUint16(this.recipientEnd);
    this.texts = this.lengths + LENGTH_BYTES * count;
    if (this.texts > end) return this.#is(TOO_EARLY);
    if (!isSequenceId(idWords, 0)) return this.#is("its id is not a counted one");
    if ((idWords[3]! >>> 0) + count > NUMBERS) return this.#is("its ids have no numbers left");
    if (count === 0 || count > MAX_BUNDLED) return this.#is(`it holds ${count} messages`);
    if (hasNul(bytes, this.sender, this.senderEnd)) return this.#is(NUL_IN_NAME);
    if (hasNul(bytes, this.recipient, this.recipientEnd)) return this.#is(NUL_IN_NAME);
    if (sum(view, this.lengths, count) !== end - this.texts) {
      return this.#is("its texts do not have the length that it says");
    }
    return this.#hasGoodTexts();
  }

  /**
   * The same for whoever has no other use for what is no batch.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is none.
   */
  read(bytes: Uint8Array, start: number, end: number): this {
    if (this.find(bytes, start, end)) return this;
    throw new ProtocolError(ErrorCode.Malformed, `Cannot read the batch: ${this.fault}`);
  }

  #hasGoodTexts(): boolean {
    const { bytes, view, texts, end } = this;
    const names = this.senderEnd - this.sender + this.recipientEnd - this.recipient;
    const most = MAX_PAYLOAD_BYTES - SINGLE_BYTES - names;
    const isAllAscii = isAscii(view, texts, end);
    if (isAllAscii && end - texts <= most) return true;
    for (let i = 0, at = texts; i < this.count; i++) {
      const next = at + view.getUint16(this.lengths + LENGTH_BYTES * i);
      if (next - at > most) return this.#is("a text in it would fit into no message of its own");
      if (!isAllAscii && !isUtf8(bytes, at, next)) return this.#is("a text in it is not UTF-8");
      at = next;
    }
    return true;
  }

  #is(fault: string): false {
    this.fault = fault;
    return false;
  }
}

const TOO_EARLY = "it ends in the middle of a field";
const NUL_IN_NAME = "a name in it holds a NUL";

function hasNul(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === 0) return true;
  return false;
}

/** The sum of so many numbers of 16 bits, two at a time. */
function sum(view: DataView, start: number, count: number): number {
  const end = start + LENGTH_BYTES * count;
  let sum = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const two = view.getInt32(at);
    sum += (two >>> 16) + (two & 0xffff);
  }
  return at < end ? sum + view.getUint16(at) : sum;
}

/** Writes each message of a batch as a frame of its own, of type 3/0, with these hops. */
export function takeApart(fields: BatchFields, out: FrameWriter, hops: number): void {
  const { bytes, view, idWords, count, lengths } = fields;
  const senderBytes = fields.senderEnd - fields.sender;
  const recipientBytes = fields.recipientEnd - fields.recipient;
  const headBytes = HEADER_BYTES + SINGLE_BYTES + senderBytes + recipientBytes;
  // All that stands in front of a text. It is copied in whole words.
  const head = new Uint8Array(headBytes + 7);
  const headView = new DataView(head.buffer);
  head[0] = FrameType.Message;
  head[1] = MessageKind.Ephemeral;
  headView.setUint16(4, hops);
  encoder.encodeInto(readUuidOf(idWords), head.subarray(HEADER_BYTES));
  const idEnd = HEADER_BYTES + UUID_TEXT_BYTES;
  head.set(bytes.subarray(fields.sender, fields.senderEnd), idEnd + 1);
  head.set(bytes.subarray(fields.recipient, fields.recipientEnd), idEnd + senderBytes + 2);
  const number = idWords[3]! >>> 0;
  for (let i = 0, at = fields.texts; i < count; i++) {
    const length = view.getUint16(lengths + LENGTH_BYTES * i);
    headView.setUint16(2, headBytes - HEADER_BYTES + length);
    for (let digit = 1, rest = number + i; digit <= NUMBER_DIGITS; digit++, rest >>>= 4) {
      head[idEnd - digit] = HEX_DIGITS[rest & 15]!;
    }
    out.join(headView, headBytes, view, at, at + length);
    at += length;
  }
}

/** Reads batches one after the other, as the messages that they hold. */
export class BatchReader {
  /** Where everything lies in the batch that was read last. */
  readonly fields: BatchFields = new BatchFields();
  /** Its sender. */
  sender = "";
  /** Its recipient. */
  recipient = "";

  /**
   * Reads a batch.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is none,
   *   {@linkcode ErrorCode.NameInvalid} when a name in it is none.
   */
  read({ bytes, start, end }: Pick<Frame, "bytes" | "start" | "end">): this {
    const { sender, senderEnd, recipient, recipientEnd } = this.fields.read(bytes, start, end);
    this.sender = readName(bytes, sender, senderEnd);
    this.recipient = readName(bytes, recipient, recipientEnd);
    return this;
  }

  /**
   * Visits its messages, in order, each with the 16 bytes of its id, as four numbers of 32 bits; those are
   * valid until `visit` returns.
   */
  forEach(visit: (message: Message, id: Int32Array) => void): void {
    const { sender, recipient, fields: { bytes, view, idWords, lengths, texts, count } } = this;
    words.set(idWords);
    const first = idWords[3]! >>> 0;
    let begin = "";
    for (let i = 0, at = texts; i < count; i++) {
      const number = first + i;
      words[3] = number;
      if (i === 0 || (number & 0xffff) === 0) begin = readUuidOf(words).slice(0, -4);
      const next = at + view.getUint16(lengths + LENGTH_BYTES * i);
      const id = begin + (HEX[(number >>> 8) & 0xff]! + HEX[number & 0xff]!);
      // A string of its own: part of a longer one would keep all of that in memory.
      const text = readText(bytes, at, next, "text of a message");
      visit({ id, sender, recipient, text }, words);
      at = next;
    }
  }
}

/** The two hex digits of each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const reader = new BatchReader();

/** The batch in a payload. Same errors as {@linkcode BatchReader.read}. */
export function readBatch(payload: Uint8Array): Batch {
  const { sender, recipient, fields } = reader.read({
    bytes: payload,
    start: 0,
    end: payload.length,
  });
  const texts: string[] = [];
  reader.forEach(({ text }) => texts.push(text));
  return { id: readUuidOf(fields.idWords), sender, recipient, texts };
}
