/**
 * Payload of type 3/4: many ephemeral messages from one sender to one recipient. Has two readers for one
 * layout, as for a single message: {@linkcode BatchReader} makes values for programs, and
 * {@linkcode BatchFields} finds positions for a server that forwards or splits a batch.
 *
 * @module
 */
import { ErrorCode, ProtocolError } from "../errors.ts";
import { type Frame, FrameType, HEADER_BYTES, MAX_PAYLOAD_BYTES, MessageKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { quote } from "../names/quote.ts";
import { checkName, isAscii, isUtf8, readName, readText } from "../text.ts";
import { HEX_DIGITS, isSequenceId, readUuidOf, UUID_TEXT_BYTES, uuidWords } from "../uuid.ts";
import { SPARE_BYTES } from "../buffers/words.ts";
import { Envelope, findNul } from "./envelope.ts";
import { checkTextBytes, maxTextBytes, type Message, MESSAGE_OVERHEAD_BYTES } from "./message.ts";

/** Several messages from one sender to one recipient. */
export interface Batch {
  /** The id of the first message, a sequence id. The ids of the others have the following numbers. */
  id: string;
  /** The name of the user who sent the messages. */
  sender: string;
  /** The name of the user who is to receive them. */
  recipient: string;
  /** The texts of the messages: at least one. */
  texts: readonly string[];
}

/**
 * The most messages in a batch. It limits what a server has to write when it splits a batch, because each
 * message then repeats the id and the names.
 */
export const MAX_BATCH_MESSAGES = 4_096;

const ID_BYTES = 16;
/** The size of the id, the lengths of both names, and the number of texts: bytes. */
const FIXED_BYTES = ID_BYTES + 1 + 1 + 2;
/** The size of the length field of a text: bytes. */
const LENGTH_BYTES = 2;
/** The size of the shortest batch, with names of one byte and one empty text: bytes. */
const MIN_BYTES = FIXED_BYTES + 1 + 1 + LENGTH_BYTES;
/** The number of different numbers in sequence ids, which have 32 bits. */
const NUMBERS = 2 ** 32;
/** The number of hex digits of the number in a sequence id. */
const NUMBER_DIGITS = 8;

const encoder = new TextEncoder();
const words = new Int32Array(4);

/**
 * Writes a batch with as many of the texts as fit into one frame. Writes nothing when it throws.
 *
 * @param hops The number of servers that have forwarded the batch.
 * @returns The number of texts written. The id of the first remaining text has a number that is higher by
 *   this.
 * @throws {TypeError} When the id is not a sequence id or has too few numbers left, or there is no text.
 * @throws {NetlabError} {@linkcode ErrorCode.NameInvalid} when a name is not valid,
 *   {@linkcode ErrorCode.TextTooLong} when the first text is too long for a message.
 */
export function writeBatch(
  out: FrameWriter,
  { id, sender, recipient, texts }: Batch,
  hops = 0,
): number {
  checkName(sender);
  checkName(recipient);
  if (texts.length === 0) throw new TypeError("Cannot send a batch of no texts");
  const maxBytes = maxTextBytes(sender, recipient);
  const { bytes, lengths } = encode(texts, maxBytes);
  // The first text did not fit.
  if (lengths.length === 0) checkTextBytes(texts[0]!, recipient, maxBytes);
  uuidWords(id, words);
  if (!isSequenceId(words, 0) || (words[3]! >>> 0) + lengths.length > NUMBERS) {
    throw new TypeError(
      `Cannot use ${quote(id)} for a batch: it is not a sequence id with enough numbers left`,
    );
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

/**
 * Encodes as many of the texts as fit into a frame, with at most `maxBytes` bytes each. Returns their bytes
 * and the length of each.
 */
function encode(
  texts: readonly string[],
  maxBytes: number,
): { bytes: Uint8Array; lengths: number[] } {
  const room = maxBytes + MESSAGE_OVERHEAD_BYTES - FIXED_BYTES;
  const lengths: number[] = [];
  let left = room;
  // A text has at least as many bytes as UTF-16 units. The numbers are equal for ASCII.
  for (const { length } of texts) {
    left -= LENGTH_BYTES + length;
    if (left < 0 || length > maxBytes || lengths.length === MAX_BATCH_MESSAGES) break;
    lengths.push(length);
  }
  const some = texts.slice(0, lengths.length);
  const units = lengths.reduce((sum, length) => sum + length, 0);
  const bytes = encoder.encode(some.join(""));
  if (bytes.length === units) return { bytes, lengths };
  // Encodes each text by itself: halves of a surrogate pair in adjacent texts must not become one character.
  const all = new Uint8Array(room);
  let at = 0;
  let count = 0;
  for (const text of some) {
    const part = encoder.encode(text);
    if (part.length > maxBytes || at + part.length + LENGTH_BYTES * (count + 1) > room) break;
    all.set(part, at);
    lengths[count++] = part.length;
    at += part.length;
  }
  lengths.length = count;
  return { bytes: all.subarray(0, at), lengths };
}

/** The positions of the fields of a batch in a buffer. */
export class BatchFields extends Envelope {
  /** The number of messages in the batch. */
  count = 0;
  /** The start of the lengths of the texts, which have two bytes each. */
  lengths = 0;
  /** The start of the texts, which end at {@linkcode Envelope.end}. */
  texts = 0;
  /** Why {@linkcode BatchFields.find} returned `false`, as the end of a sentence. */
  fault = "";

  /**
   * Finds the fields of the payload in `bytes` from `start` to `end`. Checks the id, the lengths, and that
   * every text is UTF-8. Of the names it only checks that they contain no NUL: a caller compares them with
   * names that it knows.
   *
   * @returns Whether the payload is a batch. If not, {@linkcode BatchFields.fault} says why.
   */
  find(bytes: Uint8Array, start: number, end: number): boolean {
    this.use(bytes);
    const { view, idWords } = this;
    if (end - start < MIN_BYTES) return this.#fail("it is too short");
    for (let i = 0; i < 4; i++) idWords[i] = view.getInt32(start + 4 * i);
    this.end = end;
    this.sender = start + ID_BYTES + 1;
    this.senderEnd = this.sender + bytes[this.sender - 1]!;
    this.recipient = this.senderEnd + 1;
    if (this.recipient > end) return this.#fail(CUT_OFF);
    this.recipientEnd = this.recipient + bytes[this.senderEnd]!;
    this.lengths = this.recipientEnd + 2;
    if (this.lengths > end) return this.#fail(CUT_OFF);
    const count = this.count = view.getUint16(this.recipientEnd);
    this.texts = this.lengths + LENGTH_BYTES * count;
    if (this.texts > end) return this.#fail(CUT_OFF);
    if (!isSequenceId(idWords, 0)) return this.#fail("its id is not a sequence id");
    if ((idWords[3]! >>> 0) + count > NUMBERS) return this.#fail("its id has too few numbers left");
    if (count === 0 || count > MAX_BATCH_MESSAGES) return this.#fail(`it has ${count} messages`);
    if (findNul(bytes, this.sender, this.senderEnd) >= 0) return this.#fail(NUL_IN_NAME);
    if (findNul(bytes, this.recipient, this.recipientEnd) >= 0) return this.#fail(NUL_IN_NAME);
    if (sum(view, this.lengths, count) !== end - this.texts) {
      return this.#fail("its texts do not have the length that it announces");
    }
    return this.#checkTexts();
  }

  /**
   * Finds the fields as {@linkcode BatchFields.find} does.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not a batch.
   */
  read(bytes: Uint8Array, start: number, end: number): this {
    if (this.find(bytes, start, end)) return this;
    throw new ProtocolError(ErrorCode.Malformed, `Cannot read the batch: ${this.fault}`);
  }

  #checkTexts(): boolean {
    const { bytes, view, texts, end } = this;
    const names = this.senderEnd - this.sender + this.recipientEnd - this.recipient;
    const maxBytes = MAX_PAYLOAD_BYTES - MESSAGE_OVERHEAD_BYTES - names;
    const isAllAscii = isAscii(view, texts, end);
    if (isAllAscii && end - texts <= maxBytes) return true;
    for (let i = 0, at = texts; i < this.count; i++) {
      const next = at + view.getUint16(this.lengths + LENGTH_BYTES * i);
      if (next - at > maxBytes) {
        return this.#fail("a text in it is too long for a message of its own");
      }
      if (!isAllAscii && !isUtf8(bytes, at, next)) return this.#fail("a text in it is not UTF-8");
      at = next;
    }
    return true;
  }

  #fail(fault: string): false {
    this.fault = fault;
    return false;
  }
}

const CUT_OFF = "it ends in the middle of a field";
const NUL_IN_NAME = "a name in it contains a NUL";

/** Returns the sum of `count` 16-bit numbers. Reads two at a time. */
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

/** Writes each message of a batch as a frame of type 3/0 with the hop count `hops`. */
export function splitBatch(fields: BatchFields, out: FrameWriter, hops: number): void {
  const { bytes, view, idWords, count, lengths } = fields;
  const senderBytes = fields.senderEnd - fields.sender;
  const recipientBytes = fields.recipientEnd - fields.recipient;
  const headBytes = HEADER_BYTES + MESSAGE_OVERHEAD_BYTES + senderBytes + recipientBytes;
  // The bytes before the text, which are copied in whole words.
  const head = new Uint8Array(headBytes + SPARE_BYTES);
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

/** Reads batches as values. */
export class BatchReader {
  /** The positions of the fields of the last batch. */
  readonly fields: BatchFields = new BatchFields();
  /** The sender of the last batch. */
  sender = "";
  /** The recipient of the last batch. */
  recipient = "";

  /**
   * Reads the batch in the payload of a frame.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not a batch,
   *   {@linkcode ErrorCode.NameInvalid} when a name in it is not valid.
   */
  read({ bytes, start, end }: Pick<Frame, "bytes" | "start" | "end">): this {
    const { sender, senderEnd, recipient, recipientEnd } = this.fields.read(bytes, start, end);
    this.sender = readName(bytes, sender, senderEnd);
    this.recipient = readName(bytes, recipient, recipientEnd);
    return this;
  }

  /**
   * Calls `visit` for each message of the last batch, in order.
   *
   * @param visit Gets the message and its id as four big-endian words, which are valid until it returns.
   */
  forEach(visit: (message: Message, id: Int32Array) => void): void {
    const { sender, recipient, fields: { bytes, view, idWords, lengths, texts, count } } = this;
    words.set(idWords);
    const first = idWords[3]! >>> 0;
    let prefix = "";
    for (let i = 0, at = texts; i < count; i++) {
      const number = first + i;
      words[3] = number;
      if (i === 0 || (number & 0xffff) === 0) prefix = readUuidOf(words).slice(0, -4);
      const next = at + view.getUint16(lengths + LENGTH_BYTES * i);
      const id = prefix + (HEX[(number >>> 8) & 0xff]! + HEX[number & 0xff]!);
      // Decodes each text by itself, because a substring would keep the whole string in memory.
      const text = readText(bytes, at, next, "text of a message");
      visit({ id, sender, recipient, text }, words);
      at = next;
    }
  }
}

/** The two hex digits of each byte, as text. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const reader = new BatchReader();

/** Reads the batch in a payload. Throws the errors of {@linkcode BatchReader.read}. */
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
