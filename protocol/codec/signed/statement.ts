/**
 * Payload of type 11: frames that a server has signed, for all servers or for one. Converts bytes to values and back.
 * Does not sign or verify.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { FrameType, MAX_PAYLOAD_BYTES, StatementKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../payloads/protected_name.ts";
import { writeUuid } from "../uuid.ts";
import type { ServerIdentity } from "./server_key.ts";
import { signedText, u64Bytes } from "./signed_text.ts";

/** What a server says, and its signature. */
export interface Statement extends ServerIdentity {
  /** The id of the server that it is for: a UUID; `undefined` when it is for all. */
  readonly to: string | undefined;
  /**
   * When the server signed it: milliseconds since 1970, if it is for all. How many statements the server has signed for
   * the same server before, if it is for one.
   */
  readonly number: number;
  /** The signature of {@linkcode statementText}: 64 bytes. */
  readonly signature: Uint8Array;
  /** Whole frames: one if the statement is for all, any number if it is for one. */
  readonly frames: Uint8Array;
}

/** The bytes of a statement for one server without its frames; one for all is shorter. */
const MAX_HEAD_BYTES = PUBLIC_KEY_BYTES + 8 + 16 + 8 + SIGNATURE_BYTES;
/** How many bytes of frames fit into a statement. */
export const MAX_STATEMENT_FRAMES_BYTES: number = MAX_PAYLOAD_BYTES - MAX_HEAD_BYTES;

/**
 * Writes a statement.
 *
 * @param reserved For all servers: the age of a link state in seconds, or 0. For one: the links that the frame has
 *   crossed, including the one it is written to.
 */
export function writeStatement(out: FrameWriter, statement: Statement, reserved: number): void {
  const { to } = statement;
  const kind = to === undefined ? StatementKind.ForAll : StatementKind.ForOne;
  out.begin(FrameType.Statement, kind, reserved);
  out.bytes(statement.key);
  out.u64(statement.startedAt);
  if (to !== undefined) out.uuid(to);
  out.u64(statement.number);
  out.bytes(statement.signature);
  out.bytes(statement.frames);
  out.end();
}

/**
 * Reads a statement. Its arrays are views of the payload.
 *
 * @param isForOne Whether it is for one server.
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is no statement.
 */
export function readStatement(payload: Uint8Array, isForOne: boolean): Statement {
  const reader = new ByteReader(payload, "statement");
  return {
    key: reader.take(PUBLIC_KEY_BYTES),
    startedAt: reader.u64(),
    to: isForOne ? reader.uuid() : undefined,
    number: reader.u64(),
    signature: reader.take(SIGNATURE_BYTES),
    frames: reader.bytes(),
  };
}

/** Reads the id of the server that a statement for one server is for. Throws as {@linkcode readStatement} does. */
export function readStatementDestination(payload: Uint8Array): string {
  const reader = new ByteReader(payload, "statement");
  reader.take(PUBLIC_KEY_BYTES + 8);
  return reader.uuid();
}

const encoder = new TextEncoder();

/**
 * Returns what a server signs.
 *
 * @param network The name of the network.
 */
export function statementText(
  network: string,
  { key, startedAt, to, number, frames }: Omit<Statement, "signature">,
): Uint8Array {
  const name = encoder.encode(network);
  const head = [key, u64Bytes(startedAt)];
  if (to !== undefined) {
    const id = new Uint8Array(16);
    writeUuid(to, id, 0);
    head.push(id);
  }
  head.push(u64Bytes(number), Uint8Array.of(name.length), name, frames);
  return signedText(to === undefined ? "statement" : "statement to", ...head);
}
