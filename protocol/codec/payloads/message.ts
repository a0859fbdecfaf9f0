/**
 * Payload of type 3: `id NUL sender NUL recipient NUL text`, and the header in front of it between servers.
 * Has two readers for one layout: {@linkcode MessageReader} makes values for programs, and
 * {@linkcode MessageFields} finds positions for a server that forwards a message without decoding it.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "../errors.ts";
import { ByteReader } from "../byte_reader.ts";
import { type Frame, FrameType, MAX_PAYLOAD_BYTES, MessageKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { checkName, checkText, MAX_NAME_BYTES, readName, readText } from "../text.ts";
import { checkUuid, readUuidText, readUuidWords, UUID_TEXT_BYTES, writeUuidText } from "../uuid.ts";
import { Envelope, findNul } from "./envelope.ts";

/** A message from one user to another. */
export interface Message {
  /** The id of the message, which identifies it on all servers: a UUID in lower-case text. */
  id: string;
  /** The name of the user who sent the message. */
  sender: string;
  /** The name of the user who is to receive it. */
  recipient: string;
  /** The text. It may contain any character, NUL included. */
  text: string;
}

/** The id of a message as four big-endian words: 32-bit numbers, signed or unsigned. */
export interface MessageId {
  /** Bytes 0 to 3. */
  readonly id0: number;
  /** Bytes 4 to 7. */
  readonly id1: number;
  /** Bytes 8 to 11. */
  readonly id2: number;
  /** Bytes 12 to 15. */
  readonly id3: number;
}

/**
 * Writes a message frame. Writes nothing when it throws.
 *
 * @param subtype `Ephemeral` or `Durable` of {@linkcode MessageKind}.
 * @throws {TypeError} When the id is not a UUID.
 * @throws {NetlabError} {@linkcode ErrorCode.NameInvalid} when a name is not valid,
 *   {@linkcode ErrorCode.TextTooLong} when the text does not fit into the frame.
 */
export function writeMessage(out: FrameWriter, message: Message, subtype: number): void {
  const id = checkUuid(message.id, "the id of a message");
  encoder.encodeInto(id, head);
  write(out, message, subtype);
}

/**
 * Writes a message frame whose id is given as words. Throws the errors of {@linkcode writeMessage}, except
 * the error for the id.
 */
export function writeMessageWithId(
  out: FrameWriter,
  { id0, id1, id2, id3 }: MessageId,
  message: Omit<Message, "id">,
  subtype: number,
): void {
  writeUuidText(id0, id1, id2, id3, headView, 0);
  write(out, message, subtype);
}

/** The size of an ephemeral message without its names and its text: bytes. It has an id and three NULs. */
export const MESSAGE_OVERHEAD_BYTES: number = UUID_TEXT_BYTES + 3;

/**
 * Returns the length of the longest text that an ephemeral message between two users can have: bytes of
 * UTF-8.
 */
export function maxTextBytes(sender: string, recipient: string): number {
  return MAX_PAYLOAD_BYTES - MESSAGE_OVERHEAD_BYTES - encoder.encode(sender + recipient).length;
}

/**
 * Checks that a text has at most `limit` bytes of UTF-8.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.TextTooLong} when it is longer.
 */
export function checkTextBytes(text: string, recipient: string, limit: number): void {
  const { length } = encoder.encode(text);
  if (length > limit) throw textTooLong(length, recipient, limit);
}

function textTooLong(bytes: number, recipient: string, limit: number): NetlabError {
  return new NetlabError(
    ErrorCode.TextTooLong,
    `Cannot send a text of ${bytes} bytes to ${recipient}: at most ${limit} fit into one message`,
  );
}

const encoder = new TextEncoder();
/** The last message without its text. The next message usually has the same names. */
const head = new Uint8Array(MESSAGE_OVERHEAD_BYTES + 2 * MAX_NAME_BYTES);
const headView = new DataView(head.buffer);
let headSender = "";
let headRecipient = "";
let headBytes = 0;

/** Writes a message whose id is already in {@linkcode head}. */
function write(
  out: FrameWriter,
  { sender, recipient, text }: Omit<Message, "id">,
  subtype: number,
): void {
  if (sender !== headSender || recipient !== headRecipient) {
    const names = encoder.encode(`\0${checkName(sender)}\0${checkName(recipient)}\0`);
    head.set(names, UUID_TEXT_BYTES);
    headBytes = UUID_TEXT_BYTES + names.length;
    headSender = sender;
    headRecipient = recipient;
  }
  out.begin(FrameType.Message, subtype);
  out.bytes(head, 0, headBytes);
  // A durable message must also fit with the header that is added between servers.
  const limit = MAX_PAYLOAD_BYTES - (subtype === MessageKind.Ephemeral ? 0 : OUTBOUND_HEADER_BYTES);
  const room = limit - headBytes;
  const before = out.length;
  // A text has at least as many bytes as UTF-16 units, so a text with too many units need not be written
  // first.
  const fits = text.length <= room;
  if (fits) out.text(text);
  const bytes = fits ? out.length - before : encoder.encode(text).length;
  if (bytes > room) {
    out.cancel();
    throw textTooLong(bytes, recipient, room);
  }
  out.end();
}

/** The length of the header of a durable message between servers: bytes. It has three ids. */
export const OUTBOUND_HEADER_BYTES = 48;

/** A durable message between servers. */
export interface OutboundMessage {
  /** The id of the server that stores the message: a UUID. */
  origin: string;
  /** The id of the server that the message goes to: a UUID. */
  destination: string;
  /**
   * The id of the message that the recipient must get before this one: a UUID, or the nil UUID when no
   * earlier message is unsettled.
   */
  previous: string;
  /** The message in the layout of types 3/0 and 3/1. */
  message: Uint8Array;
}

/**
 * Writes a durable message for another server.
 *
 * @param kind `Outbound` or `HandedOff` of {@linkcode MessageKind}.
 * @param hops The number of servers that have forwarded the message.
 */
export function writeOutboundMessage(
  out: FrameWriter,
  { origin, destination, previous, message }: OutboundMessage,
  kind: number,
  hops: number,
): void {
  out.begin(FrameType.Message, kind, hops);
  out.uuid(origin);
  out.uuid(destination);
  out.uuid(previous);
  out.bytes(message);
  out.end();
}

/**
 * Reads a durable message from another server. The message in it is a view of the payload and is not checked.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload ends within the three ids.
 */
export function readOutboundMessage(payload: Uint8Array): OutboundMessage {
  const reader = new ByteReader(payload, "outbound message");
  return {
    origin: reader.uuid(),
    destination: reader.uuid(),
    previous: reader.uuid(),
    message: reader.bytes(),
  };
}

/** The positions of the fields of a message in a buffer. */
export class MessageFields extends Envelope {
  /** The start of the id, which is text of 36 bytes. */
  id = 0;
  /** The start of the text, which ends at {@linkcode Envelope.end}. */
  text = 0;

  /**
   * Finds the fields of the payload in `bytes` from `start` to `end`. Checks that the id is a UUID and that
   * the text is UTF-8. Does not check the names: the caller compares them with names that it knows.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not a message.
   */
  read(bytes: Uint8Array, start: number, end: number): this {
    this.use(bytes);
    const sender = start + UUID_TEXT_BYTES + 1;
    if (
      end < sender || bytes[sender - 1] !== 0 ||
      !readUuidWords(this.view, start, this.idWords)
    ) {
      throw malformed("it does not begin with a UUID and a NUL");
    }
    const senderEnd = findNul(bytes, sender, end);
    if (senderEnd < 0) throw malformed("no NUL ends its sender");
    const recipientEnd = findNul(bytes, senderEnd + 1, end);
    if (recipientEnd < 0) throw malformed("no NUL ends its recipient");
    checkText(bytes, recipientEnd + 1, end, "text of the message");
    this.id = start;
    this.sender = sender;
    this.senderEnd = senderEnd;
    this.recipient = senderEnd + 1;
    this.recipientEnd = recipientEnd;
    this.text = recipientEnd + 1;
    this.end = end;
    return this;
  }
}

function malformed(reason: string): ProtocolError {
  return new ProtocolError(ErrorCode.Malformed, `Cannot read the message: ${reason}`);
}

/** Returns the id of the message at `fields` in lower-case text. */
export function messageId(fields: MessageFields): string {
  return readUuidText(fields.bytes, fields.id);
}

/**
 * Reads messages as values. Use one reader for each connection: it reuses the names of the last message,
 * which most messages of a connection have.
 */
export class MessageReader {
  /** The id of the last message as four big-endian words. */
  readonly id: Int32Array = new Int32Array(4);
  readonly #fields = new MessageFields();
  /** The names of the last message and the NULs around them, as they are in its payload. */
  #names = new Uint8Array(0);
  #sender = "";
  #recipient = "";

  /**
   * Reads the message in the payload of a frame.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not a message,
   *   {@linkcode ErrorCode.NameInvalid} when a name in it is not valid.
   */
  read({ bytes, start, end }: Pick<Frame, "bytes" | "start" | "end">): Message {
    this.#fields.use(bytes);
    const names = start + UUID_TEXT_BYTES;
    if (!this.#hasSameNames(names, end) || !readUuidWords(this.#fields.view, start, this.id)) {
      this.#readNames(start, end);
    }
    return {
      id: readUuidText(bytes, start),
      sender: this.#sender,
      recipient: this.#recipient,
      text: readText(bytes, names + this.#names.length, end, "text of the message"),
    };
  }

  #hasSameNames(at: number, end: number): boolean {
    const { bytes } = this.#fields;
    const names = this.#names;
    if (names.length === 0 || names.length > end - at) return false;
    for (let i = 0; i < names.length; i++) if (bytes[at + i] !== names[i]) return false;
    return true;
  }

  #readNames(start: number, end: number): void {
    const fields = this.#fields;
    const { bytes } = fields;
    fields.read(bytes, start, end);
    const sender = readName(bytes, fields.sender, fields.senderEnd);
    const recipient = readName(bytes, fields.recipient, fields.recipientEnd);
    this.id.set(fields.idWords);
    this.#sender = sender;
    this.#recipient = recipient;
    this.#names = bytes.slice(start + UUID_TEXT_BYTES, fields.text);
  }
}

const reader = new MessageReader();

/** Reads the message in a payload. Throws the errors of {@linkcode MessageReader.read}. */
export function readMessage(payload: Uint8Array): Message {
  return reader.read({ bytes: payload, start: 0, end: payload.length });
}
