/**
 * Payload of type 3: `id NUL sender NUL recipient NUL text`. Two readers for one layout: values for
 * programs, positions for a server that passes a message on without decoding its text.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "../errors.ts";
import { ByteReader } from "../byte_reader.ts";
import { type Frame, FrameType, MAX_PAYLOAD_BYTES, MessageKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { checkName, checkText, MAX_NAME_BYTES, readName, readText } from "../text.ts";
import { checkUuid, readUuidText, readUuidWords, UUID_TEXT_BYTES, writeUuidText } from "../uuid.ts";
import { SPARE_BYTES } from "../words.ts";

/** What one user writes to another. */
export interface Message {
  /** Names this message, everywhere and for ever: a UUID in lower-case text. */
  id: string;
  /** The name of the user who sent it. */
  sender: string;
  /** The name of the user it is for. */
  recipient: string;
  /** The text; anything, NULs included. */
  text: string;
}

/** The id of a message as its 16 bytes in four numbers of 32 bits, big-endian. */
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
 * Writes a message frame.
 *
 * @param subtype One of {@linkcode MessageKind}.
 * @throws {TypeError} When the id is not a UUID.
 * @throws {NetlabError} {@linkcode ErrorCode.NameInvalid} for a name that is none,
 *   {@linkcode ErrorCode.TextTooLong} when the frame would exceed 65,535 bytes; it is not written then.
 */
export function writeMessage(out: FrameWriter, message: Message, subtype: number): void {
  const id = checkUuid(message.id, "the id of a message");
  encoder.encodeInto(id, head);
  write(out, message, subtype);
}

/** The same for whoever has the id in numbers; no {@linkcode Message.id} is looked at. */
export function writeMessageWithId(
  out: FrameWriter,
  { id0, id1, id2, id3 }: MessageId,
  message: Omit<Message, "id">,
  subtype: number,
): void {
  writeUuidText(id0, id1, id2, id3, headView, 0);
  write(out, message, subtype);
}

/** The error for a text that does not fit into a message; `most` bytes would. */
export function textTooLong(bytes: number, recipient: string, most: number): NetlabError {
  return new NetlabError(
    ErrorCode.TextTooLong,
    `Cannot send a text of ${bytes} bytes to ${recipient}: at most ${most} fit into one message`,
  );
}

/** All but the text of the message that was written last: the next one mostly has the same names. */
const head = new Uint8Array(UUID_TEXT_BYTES + 2 * MAX_NAME_BYTES + 3 + SPARE_BYTES);
const headView = new DataView(head.buffer);
let headSender = "";
let headRecipient = "";
let headBytes = 0;

/** Writes a message whose id stands in {@linkcode head}. */
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
  out.words(headView, headBytes);
  // A kept message has to fit with what stands in front of it between servers.
  const limit = MAX_PAYLOAD_BYTES - (subtype === MessageKind.Ephemeral ? 0 : OUTBOUND_HEADER_BYTES);
  const room = limit - headBytes;
  const before = out.length;
  // What has more UTF-16 units than there is room never goes near the writer's buffer.
  const fits = text.length <= room;
  if (fits) out.text(text);
  const bytes = fits ? out.length - before : encoder.encode(text).length;
  if (bytes > room) {
    out.cancel();
    throw textTooLong(bytes, recipient, room);
  }
  out.end();
}

/** Bytes in front of a kept message between servers: two server ids and the id of a message. */
export const OUTBOUND_HEADER_BYTES = 48;

/** A kept message on its way between servers. */
export interface OutboundMessage {
  /** The id of the server that keeps it, a UUID. */
  origin: string;
  /** The id of the server that it goes to, a UUID. */
  destination: string;
  /**
   * The id of the message for the same recipient that has to be there first, a UUID; nil when there is
   * none whose story has not ended.
   */
  previous: string;
  /** The message, as it stands in the payload of types 3/0 and 3/1. */
  message: Uint8Array;
}

/** Writes a kept message, after `hops` servers; `kind` is `Kept` or `HandedOver`. */
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
 * Reads a kept message; the message itself is not looked into, and is a view of the payload.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the three ids are not there.
 */
export function readOutboundMessage(payload: Uint8Array): OutboundMessage {
  const reader = new ByteReader(payload, "kept message");
  return {
    origin: reader.uuid(),
    destination: reader.uuid(),
    previous: reader.uuid(),
    message: reader.bytes(),
  };
}

/** Where the fields of a message lie in a buffer. Positions, so that nothing is copied or decoded. */
export class MessageFields {
  /** The buffer. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The same. */
  view: DataView = new DataView(this.bytes.buffer);
  /** Start of the id, 36 bytes long. */
  id = 0;
  /** The id's 16 bytes, as four numbers of 32 bits, big-endian. */
  readonly idWords: Int32Array = new Int32Array(4);
  /** Start of the sender's name. */
  sender = 0;
  /** Its end. */
  senderEnd = 0;
  /** Start of the recipient's name. */
  recipient = 0;
  /** Its end. */
  recipientEnd = 0;
  /** Start of the text. */
  text = 0;
  /** End of the text and of the payload. */
  end = 0;

  /**
   * Finds the fields of the payload in `bytes` from `start` to `end`, and checks the id and that the
   * text is UTF-8. The names are whatever stands there: whoever uses them looks them up.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not a message.
   */
  read(bytes: Uint8Array, start: number, end: number): this {
    // One message after the other lies in the same buffer.
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const sender = start + UUID_TEXT_BYTES + 1;
    if (
      end < sender || bytes[sender - 1] !== 0 ||
      !readUuidWords(this.view, start, this.idWords)
    ) {
      throw new ProtocolError(
        ErrorCode.Malformed,
        "Cannot read the message: it does not begin with a UUID and a NUL",
      );
    }
    const senderEnd = findNul(bytes, sender, end, "sender");
    const recipientEnd = findNul(bytes, senderEnd + 1, end, "recipient");
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

function findNul(bytes: Uint8Array, from: number, end: number, what: string): number {
  for (let at = from; at < end; at++) if (bytes[at] === 0) return at;
  throw new ProtocolError(
    ErrorCode.Malformed,
    `Cannot read the message: no NUL ends its ${what}`,
  );
}

const encoder = new TextEncoder();
const fields = new MessageFields();

/** The id of a message whose fields were found, in lower-case text. */
export function messageId(fields: MessageFields): string {
  return readUuidText(fields.bytes, fields.id);
}

/**
 * Reads messages one after the other, as values. Made for those of one connection, where most come from
 * the same sender and in the same buffer as the one before.
 */
export class MessageReader {
  /** The 16 bytes of the id of the message read last, as four numbers of 32 bits, big-endian. */
  readonly id: Int32Array = new Int32Array(4);
  #bytes: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** Both names of the message read last, and the NULs around them, as they are in the payload. */
  #names = this.#bytes;
  #sender = "";
  #recipient = "";

  /**
   * The message in a frame's payload.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not one,
   *   {@linkcode ErrorCode.NameInvalid} when a name in it is none.
   */
  read({ bytes, start, end }: Pick<Frame, "bytes" | "start" | "end">): Message {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const names = start + UUID_TEXT_BYTES;
    if (!this.#hasSameNames(names, end) || !readUuidWords(this.#view, start, this.id)) {
      this.#readHead(start, end);
    }
    return {
      id: readUuidText(bytes, start),
      sender: this.#sender,
      recipient: this.#recipient,
      text: readText(bytes, names + this.#names.length, end, "text of the message"),
    };
  }

  #hasSameNames(at: number, end: number): boolean {
    const bytes = this.#bytes;
    const names = this.#names;
    if (names.length === 0 || names.length > end - at) return false;
    for (let i = 0; i < names.length; i++) if (bytes[at + i] !== names[i]) return false;
    return true;
  }

  #readHead(start: number, end: number): void {
    const bytes = this.#bytes;
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

/** The message in a payload. Same errors as {@linkcode MessageReader.read}. */
export function readMessage(payload: Uint8Array): Message {
  return reader.read({ bytes: payload, start: 0, end: payload.length });
}
