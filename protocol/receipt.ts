/**
 * Payload of type 6: what became of messages, several to a frame, and the question for it. Bytes in, values out.
 *
 * @module
 */
import { ByteReader } from "./byte_reader.ts";
import { FrameType, ReceiptKind } from "./frame.ts";
import type { FrameWriter } from "./frame_writer.ts";

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

/** Asks what became of messages. */
export interface ReceiptQuestion {
  /** The id of the server that is asked, a UUID; nil from a user, who asks all of them. */
  to: string;
  /** The user who sent the messages, and is to hear of them. */
  user: string;
  /** The messages' ids, UUIDs: at most {@linkcode MAX_IDS_PER_QUESTION}. */
  ids: readonly string[];
}

/**
 * Writes receipts for the user whose connection this is, or a user's acknowledgements to the server:
 * at most {@linkcode MAX_RECEIPTS_PER_FRAME}.
 */
export function writeReceipts(out: FrameWriter, receipts: readonly Receipt[]): void {
  out.begin(FrameType.Receipt, ReceiptKind.ToUser);
  for (const receipt of receipts) writeReceipt(out, receipt);
  out.end();
}

/** Writes receipts that another server is to hand to `user`, after `hops` servers. */
export function writeRelayedReceipts(
  out: FrameWriter,
  user: string,
  receipts: readonly Receipt[],
  hops: number,
): void {
  out.begin(FrameType.Receipt, ReceiptKind.Relayed, hops);
  out.shortText(user);
  for (const receipt of receipts) writeReceipt(out, receipt);
  out.end();
}

/** Writes receipts about messages that the server `to` keeps, after `hops` servers. */
export function writeServerReceipts(
  out: FrameWriter,
  { to, from, receipts }: ServerReceipts,
  hops: number,
): void {
  out.begin(FrameType.Receipt, ReceiptKind.ToServer, hops);
  out.uuid(to);
  out.uuid(from);
  for (const receipt of receipts) writeReceipt(out, receipt);
  out.end();
}

/** Writes a question, after `hops` servers. */
export function writeReceiptQuestion(
  out: FrameWriter,
  { to, user, ids }: ReceiptQuestion,
  hops: number,
): void {
  out.begin(FrameType.Receipt, ReceiptKind.Question, hops);
  out.uuid(to);
  out.shortText(user);
  for (const id of ids) out.uuid(id);
  out.end();
}

/** Messages in one question: what fits beside the longest name. */
export const MAX_IDS_PER_QUESTION = 4_000;

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
export function readReceiptQuestion(payload: Uint8Array): ReceiptQuestion {
  const reader = new ByteReader(payload, "question about receipts");
  const to = reader.uuid();
  const user = reader.name();
  const ids: string[] = [];
  while (reader.left > 0) ids.push(reader.uuid());
  return { to, user, ids };
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
