/**
 * Payload of type 6: what became of messages, several to a frame, and the question for it. Bytes in, values out.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { ErrorCode, ProtocolError } from "../errors.ts";
import { type Frame, FrameType, MAX_PAYLOAD_BYTES, ReceiptKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { readText } from "../text.ts";
import { writeUuid } from "../uuid.ts";

/** What may become of a message. Append only. */
export const ReceiptState = {
  /** The network has it safe. */
  Accepted: 1,
  /** The recipient's client has acknowledged it; one that cannot has been handed it. */
  Delivered: 2,
  /** It waited too long for its recipient. */
  Expired: 3,
  /** It was not taken; a code and a reason say why. */
  Refused: 4,
} as const;

/** One of the numbers in {@linkcode ReceiptState}. */
export type ReceiptState = typeof ReceiptState[keyof typeof ReceiptState];

/** What became of one message. */
export interface Receipt {
  /** The message's id, a UUID in text. */
  id: string;
  /** One of {@linkcode ReceiptState}; a number unknown here when a newer party sent it. */
  state: number;
  /** Why it was refused, a number of {@linkcode ErrorCode}; 0 in every other state. */
  code: number;
  /** Why it was refused, as a sentence; empty in every other state. At most 255 bytes travel. */
  reason: string;
}

/** Receipts from one server to another. */
export interface ServerReceipts {
  /** The id of the server that keeps the messages, a UUID. */
  to: string;
  /** The id of the server that they were sent to, a UUID. */
  from: string;
  /** What became of them there. */
  receipts: readonly Receipt[];
}

/** Receipts to be written: values, or whole {@linkcode ReceiptRecords.parts}. */
export type Receipts = readonly Receipt[] | Uint8Array;

/** Asks what became of messages. */
export interface ReceiptQuery {
  /** The id of the server that is asked, a UUID; nil from a user, who asks all of them. */
  to: string;
  /** The user who sent the messages, and is to hear of them. */
  user: string;
  /** The messages' ids, UUIDs: at most {@linkcode MAX_IDS_PER_QUERY}. */
  ids: readonly string[];
}

/**
 * Writes receipts for the user whose connection this is, or a user's acknowledgements to the server:
 * at most {@linkcode MAX_RECEIPTS_PER_FRAME}.
 */
export function writeReceipts(out: FrameWriter, receipts: Receipts): void {
  out.begin(FrameType.Receipt, ReceiptKind.ToUser);
  writeAll(out, receipts);
  out.end();
}

/** Writes receipts that another server is to hand to `user`, after `hops` servers. */
export function writeRelayedReceipts(
  out: FrameWriter,
  user: string,
  receipts: Receipts,
  hops: number,
): void {
  out.begin(FrameType.Receipt, ReceiptKind.Relayed, hops);
  out.shortText(user);
  writeAll(out, receipts);
  out.end();
}

/** Writes receipts about messages that the server `to` keeps, after `hops` servers. */
export function writeServerReceipts(
  out: FrameWriter,
  { to, from, receipts }: Omit<ServerReceipts, "receipts"> & { receipts: Receipts },
  hops: number,
): void {
  out.begin(FrameType.Receipt, ReceiptKind.ToServer, hops);
  out.uuid(to);
  out.uuid(from);
  writeAll(out, receipts);
  out.end();
}

/** Writes a question, after `hops` servers. */
export function writeReceiptQuery(
  out: FrameWriter,
  { to, user, ids }: ReceiptQuery,
  hops: number,
): void {
  out.begin(FrameType.Receipt, ReceiptKind.Query, hops);
  out.uuid(to);
  out.shortText(user);
  for (const id of ids) out.uuid(id);
  out.end();
}

/** Messages in one question: what fits beside the longest name. */
export const MAX_IDS_PER_QUERY = 4_000;

/** Receipts to a frame, so that the longest reasons still fit: 200 times 275 bytes and a name. */
export const MAX_RECEIPTS_PER_FRAME = 200;

/**
 * The receipts in a frame for a user.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not a list of receipts.
 */
export function readReceipts(payload: Uint8Array): Receipt[] {
  return readAll(new ByteReader(payload, "receipts"));
}

/** The receipts in a frame between servers, and the user they are for. Same errors. */
export function readRelayedReceipts(payload: Uint8Array): { user: string; receipts: Receipt[] } {
  const reader = new ByteReader(payload, "relayed receipts");
  return { user: reader.name(), receipts: readAll(reader) };
}

/** The receipts in a frame to a server. Same errors. */
export function readServerReceipts(payload: Uint8Array): ServerReceipts {
  const reader = new ByteReader(payload, "receipts for a server");
  return { to: reader.uuid(), from: reader.uuid(), receipts: readAll(reader) };
}

/**
 * The question in a frame.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not one.
 */
export function readReceiptQuery(payload: Uint8Array): ReceiptQuery {
  const reader = new ByteReader(payload, "question about receipts");
  const to = reader.uuid();
  const user = reader.name();
  const ids: string[] = [];
  while (reader.left > 0) ids.push(reader.uuid());
  return { to, user, ids };
}

/** Bytes of an id. */
const ID_BYTES = 16;
/** Bytes of a receipt without a reason: id, state, code, and the length of the reason. */
const RECORD_BYTES = ID_BYTES + 4;
/** Bytes of receipts in one frame: beside them the longest name still fits, or two ids. */
const MAX_RECORDS_BYTES = MAX_PAYLOAD_BYTES - 256;
/** The first buffer of {@linkcode ReceiptRecords}: bytes. */
const FIRST_BYTES = 320;

/**
 * Receipts that are gathered to be written together, as the bytes that they are in a frame. Made for
 * many without a reason.
 */
export class ReceiptRecords {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** How many bytes they are. */
  get length(): number {
    return this.#length;
  }

  /** All of them; valid until more are added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * Adds a receipt without code and reason, of the message whose id is four numbers of 32 bits,
   * big-endian.
   */
  add(id0: number, id1: number, id2: number, id3: number, state: number): void {
    const at = this.#claim(RECORD_BYTES);
    const view = this.#view;
    view.setInt32(at, id0);
    view.setInt32(at + 4, id1);
    view.setInt32(at + 8, id2);
    view.setInt32(at + 12, id3);
    view.setInt32(at + ID_BYTES, state << 24);
  }

  /** Adds any receipt. */
  addReceipt({ id, state, code, reason }: Receipt): void {
    const text = encoder.encode(shorten(reason));
    const at = this.#claim(RECORD_BYTES + text.length);
    writeUuid(id, this.#bytes, at);
    this.#view.setInt32(at + ID_BYTES, (state << 24) | (code << 8) | text.length);
    this.#bytes.set(text, at + RECORD_BYTES);
  }

  /** Forgets all of them. */
  clear(): void {
    this.#length = 0;
  }

  /** All of them, in pieces that fit into a frame. */
  *parts(): Iterable<Uint8Array> {
    let start = 0;
    for (let at = 0; at < this.#length;) {
      const end = at + RECORD_BYTES + this.#bytes[at + RECORD_BYTES - 1]!;
      if (end - start > MAX_RECORDS_BYTES) {
        yield this.#bytes.subarray(start, at);
        start = at;
      }
      at = end;
    }
    if (start < this.#length) yield this.#bytes.subarray(start, this.#length);
  }

  #claim(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** Goes through receipts where they lie, without making values of them. */
export class ReceiptCursor {
  /** The id of the message, as four numbers of 32 bits, big-endian. */
  readonly id: Int32Array = new Int32Array(4);
  /** One of {@linkcode ReceiptState}; a number unknown here when a newer party sent it. */
  state = 0;
  /** Why it was refused, a number of {@linkcode ErrorCode}. */
  code = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #at = 0;
  #end = 0;
  #reasonAt = 0;

  /** Begins before the first receipt in the payload of a frame for a user. */
  begin({ bytes, start, end }: Pick<Frame, "bytes" | "start" | "end">): this {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
    return this;
  }

  /** The reason, as a sentence. Throws as {@linkcode readReceipts}. */
  get reason(): string {
    return readText(this.#bytes, this.#reasonAt, this.#at, "receipts");
  }

  /**
   * Goes to the next receipt; whether there is one.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is cut off.
   */
  next(): boolean {
    const at = this.#at;
    if (at === this.#end) return false;
    const reasonAt = at + RECORD_BYTES;
    const next = reasonAt > this.#end ? reasonAt : reasonAt + this.#bytes[reasonAt - 1]!;
    if (next > this.#end) {
      throw new ProtocolError(
        ErrorCode.Malformed,
        "Cannot read the receipts: they end in the middle of one",
      );
    }
    const view = this.#view;
    const id = this.id;
    id[0] = view.getInt32(at);
    id[1] = view.getInt32(at + 4);
    id[2] = view.getInt32(at + 8);
    id[3] = view.getInt32(at + 12);
    this.state = view.getUint8(at + ID_BYTES);
    this.code = view.getUint16(at + ID_BYTES + 1);
    this.#reasonAt = reasonAt;
    this.#at = next;
    return true;
  }
}

function writeAll(out: FrameWriter, receipts: Receipts): void {
  if (receipts instanceof Uint8Array) out.bytes(receipts);
  else for (const receipt of receipts) writeReceipt(out, receipt);
}

function writeReceipt(out: FrameWriter, { id, state, code, reason }: Receipt): void {
  out.uuid(id);
  out.u8(state);
  out.u16(code);
  out.shortText(shorten(reason));
}

function readAll(reader: ByteReader): Receipt[] {
  const receipts: Receipt[] = [];
  while (reader.left > 0) {
    receipts.push({
      id: reader.uuid(),
      state: reader.u8(),
      code: reader.u16(),
      reason: reader.shortText(),
    });
  }
  return receipts;
}

const encoder = new TextEncoder();

/** The longest beginning of `text` that has at most 255 bytes of UTF-8. */
function shorten(text: string): string {
  if (text.length <= 85) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(255));
  return text.slice(0, read);
}
