/**
 * Payload of type 6: receipts, several in a frame, and queries for them. Converts bytes to values and back.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { ErrorCode, ProtocolError } from "../errors.ts";
import { type Frame, FrameType, MAX_PAYLOAD_BYTES, ReceiptKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { readText, shortenText } from "../text.ts";
import { readUuidOf, writeUuid } from "../uuid.ts";

/** The states of a message that a receipt can report. The list is append-only. */
export const ReceiptState = {
  /** A server has stored the message. */
  Accepted: 1,
  /** The client of the recipient acknowledged the message, or got it and cannot acknowledge messages. */
  Delivered: 2,
  /** The message waited too long for its recipient. */
  Expired: 3,
  /** The message was refused. A code and a reason say why. */
  Refused: 4,
} as const;

/** One of the numbers in {@linkcode ReceiptState}. */
export type ReceiptState = typeof ReceiptState[keyof typeof ReceiptState];

/** The state of one message. */
export interface Receipt {
  /** The id of the message: a UUID in text. */
  id: string;
  /** One of {@linkcode ReceiptState}, or an unknown state from a newer version. */
  state: number;
  /**
   * Why the message was refused: one of {@linkcode ErrorCode}, or 0. `Unconfirmed` in a receipt for a
   * delivered message.
   */
  code: number;
  /** Why the message was refused, as a sentence. A longer one than 255 bytes of UTF-8 ends in "…" when it is written. */
  reason: string;
}

/** Receipts from one server to another. */
export interface ServerReceipts {
  /** The id of the server that stores the messages: a UUID. */
  to: string;
  /** The id of the server that reports their state: a UUID. */
  from: string;
  /** The states of the messages. */
  receipts: readonly Receipt[];
}

/** Receipts to be written: values, or one of {@linkcode ReceiptRecords.parts}. */
export type Receipts = readonly Receipt[] | Uint8Array;

/** A query for the outcome of messages. */
export interface ReceiptQuery {
  /** The id of the server that is queried: a UUID, or the nil UUID from a user, who queries all servers. */
  to: string;
  /** The user who sent the messages and gets the receipts. */
  user: string;
  /** The ids of the messages: UUIDs, at most {@linkcode MAX_IDS_PER_QUERY}. */
  ids: readonly string[];
}

/**
 * Writes receipts for the user of a connection, or the acknowledgements of a user for the server: at most
 * {@linkcode MAX_RECEIPTS_PER_FRAME}.
 */
export function writeReceipts(out: FrameWriter, receipts: Receipts): void {
  out.begin(FrameType.Receipt, ReceiptKind.ToUser);
  writeAll(out, receipts);
  out.end();
}

/** Writes receipts for a `user` of another server. `hops` servers have forwarded them. */
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

/** Writes receipts for the server `to`, which stores the messages. `hops` servers have forwarded them. */
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

/** Writes a receipt query. `hops` servers have forwarded it. */
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

/** The number of ids that fit into a receipt query with the longest name. */
export const MAX_IDS_PER_QUERY = 4_000;

/**
 * The number of receipts that fit into a frame with the longest reasons and a name: 200 receipts of 275
 * bytes.
 */
export const MAX_RECEIPTS_PER_FRAME = 200;

/**
 * Reads the receipts in a frame for a user.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not a list of receipts.
 */
export function readReceipts(payload: Uint8Array): Receipt[] {
  const receipts: Receipt[] = [];
  cursor.begin({ bytes: payload, start: 0, end: payload.length });
  while (cursor.next()) {
    const { id, state, code, reason } = cursor;
    receipts.push({ id: readUuidOf(id), state, code, reason });
  }
  return receipts;
}

/**
 * Reads receipts for a user of another server.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the payload
 *   is not a user name and a list of receipts.
 */
export function readRelayedReceipts(payload: Uint8Array): { user: string; receipts: Receipt[] } {
  const reader = new ByteReader(payload, "relayed receipts");
  return { user: reader.name(), receipts: readReceipts(reader.bytes()) };
}

/**
 * Reads receipts for a server.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not two ids and a list of receipts.
 */
export function readServerReceipts(payload: Uint8Array): ServerReceipts {
  const reader = new ByteReader(payload, "receipts for a server");
  return { to: reader.uuid(), from: reader.uuid(), receipts: readReceipts(reader.bytes()) };
}

/**
 * Reads a receipt query.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the
 *   payload is not a receipt query.
 */
export function readReceiptQuery(payload: Uint8Array): ReceiptQuery {
  const reader = new ByteReader(payload, "receipt query");
  const to = reader.uuid();
  const user = reader.name();
  const ids: string[] = [];
  while (reader.left > 0) ids.push(reader.uuid());
  return { to, user, ids };
}

/** The length of an id: bytes. */
const ID_BYTES = 16;
/**
 * The length of a receipt without a reason: bytes. It has an id, a state, a code, and the length of the
 * reason.
 */
const RECORD_BYTES = ID_BYTES + 4;
/** The number of bytes of receipts that fit into a frame with the longest name or with two ids. */
const MAX_RECORDS_BYTES = MAX_PAYLOAD_BYTES - 256;
/** The size of the first buffer of {@linkcode ReceiptRecords}: bytes. */
const FIRST_BYTES = 320;

/** Collects receipts in their wire format, to write many of them together. */
export class ReceiptRecords {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** The length of all collected receipts: bytes. */
  get length(): number {
    return this.#length;
  }

  /** All collected receipts. Valid until more are added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds a receipt without a reason. The id is given as four big-endian words. */
  add(id0: number, id1: number, id2: number, id3: number, state: number, code: number = 0): void {
    const at = this.#claim(RECORD_BYTES);
    const view = this.#view;
    view.setInt32(at, id0);
    view.setInt32(at + 4, id1);
    view.setInt32(at + 8, id2);
    view.setInt32(at + 12, id3);
    view.setInt32(at + ID_BYTES, (state << 24) | (code << 8));
  }

  /** Adds a receipt. */
  addReceipt({ id, state, code, reason }: Receipt): void {
    const text = encoder.encode(shortenText(reason));
    const at = this.#claim(RECORD_BYTES + text.length);
    writeUuid(id, this.#bytes, at);
    this.#view.setInt32(at + ID_BYTES, (state << 24) | (code << 8) | text.length);
    this.#bytes.set(text, at + RECORD_BYTES);
  }

  /** Removes all receipts. */
  clear(): void {
    this.#length = 0;
  }

  /**
   * Returns all collected receipts in parts that fit into a frame. They are valid until more are added.
   *
   * @param maxBytes The largest size of a part: bytes, at least one receipt.
   */
  *parts(maxBytes: number = MAX_RECORDS_BYTES): Iterable<Uint8Array> {
    let start = 0;
    for (let at = 0; at < this.#length;) {
      const end = at + RECORD_BYTES + this.#bytes[at + RECORD_BYTES - 1]!;
      if (end - start > maxBytes) {
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

/** Reads receipts one by one, without making values of them. */
export class ReceiptCursor {
  /** The id of the message as four big-endian words. */
  readonly id: Int32Array = new Int32Array(4);
  /** One of {@linkcode ReceiptState}, or an unknown state from a newer version. */
  state = 0;
  /** Why the message was refused: one of {@linkcode ErrorCode}. */
  code = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #at = 0;
  #end = 0;
  #reasonAt = 0;

  /** Moves before the first receipt in the payload of a frame for a user. */
  begin({ bytes, start, end }: Pick<Frame, "bytes" | "start" | "end">): this {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
    return this;
  }

  /**
   * Why the message was refused, as a sentence.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not UTF-8.
   */
  get reason(): string {
    return readText(this.#bytes, this.#reasonAt, this.#at, "receipts");
  }

  /**
   * Moves to the next receipt.
   *
   * @returns Whether there is one.
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload ends within the receipt.
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
  if (receipts instanceof Uint8Array) return out.bytes(receipts);
  records.clear();
  for (const receipt of receipts) records.addReceipt(receipt);
  out.bytes(records.bytes);
}

const cursor = new ReceiptCursor();
const records = new ReceiptRecords();
const encoder = new TextEncoder();
