/**
 * Payloads of 2/5 and 8/7: names that are protected by a secret, and the texts that are signed with the key that
 * follows from the secret. Converts bytes to values and back. Does not sign or verify.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { FrameType, MAX_PAYLOAD_BYTES, PresenceKind, Registration } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { signedText, u64Bytes } from "../signed/signed_text.ts";
import { writeUuid } from "../uuid.ts";

/** The size of a public key of Ed25519: bytes. */
export const PUBLIC_KEY_BYTES = 32;
/** The size of a signature of Ed25519: bytes. */
export const SIGNATURE_BYTES = 64;

/** A name that is protected, or that is not protected any more. */
export interface ProtectedName {
  /** The name. */
  name: string;
  /** When its user said so: milliseconds since 1970. A later record replaces an earlier one. */
  version: number;
  /** The public key that follows from the secret; 32 zero bytes when the name is not protected any more. */
  key: Uint8Array;
  /** The signature of {@linkcode protectionText} with this key; zero bytes when there is no key. */
  signature: Uint8Array;
  /** The signature with the key that the name had before; zero bytes when it had none. */
  previous: Uint8Array;
}

const encoder = new TextEncoder();
/** The size of the longest record: bytes. */
const MAX_RECORD_BYTES = 256 + 8 + PUBLIC_KEY_BYTES + 2 * SIGNATURE_BYTES;
/** The number of protected names that fit into a frame even if all of them are the longest. */
export const MAX_PROTECTED_PER_FRAME: number = Math.floor(MAX_PAYLOAD_BYTES / MAX_RECORD_BYTES);

/** Writes the request of a user to protect a name, or the answer. */
export function writeProtection(out: FrameWriter, record: ProtectedName): void {
  out.begin(FrameType.Registration, Registration.Protect);
  writeRecord(out, record);
  out.end();
}

/**
 * Reads the request of a user to protect a name, or the answer. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when it is neither.
 */
export function readProtection(payload: Uint8Array): ProtectedName {
  return readRecord(new ByteReader(payload, "protection of a name"));
}

/** Writes protected names for another server: at most {@linkcode MAX_PROTECTED_PER_FRAME}. */
export function writeProtectedNames(out: FrameWriter, records: readonly ProtectedName[]): void {
  out.begin(FrameType.Presence, PresenceKind.Protected);
  for (const record of records) writeRecord(out, record);
  out.end();
}

/**
 * Reads protected names. Their arrays are copies.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the payload is
 *   not a list of them.
 */
export function readProtectedNames(payload: Uint8Array): ProtectedName[] {
  const reader = new ByteReader(payload, "protected names");
  const records: ProtectedName[] = [];
  while (reader.left > 0) records.push(readRecord(reader));
  return records;
}

/** Returns what a user signs to protect a name, to change its secret, or to drop the protection. */
export function protectionText(
  { name, version, key }: Omit<ProtectedName, "signature" | "previous">,
): Uint8Array {
  return signedText("protected name", u64Bytes(version), key, encoder.encode(name));
}

/**
 * Returns what a user signs to register a protected name.
 *
 * @param server The id of the server, a UUID.
 * @param session The id of the session, a UUID.
 */
export function registrationText(server: string, session: string, name: string): Uint8Array {
  const ids = new Uint8Array(32);
  writeUuid(server, ids, 0);
  writeUuid(session, ids, 16);
  return signedText("registration", ids, encoder.encode(name));
}

function writeRecord(out: FrameWriter, record: ProtectedName): void {
  out.shortText(record.name);
  out.u64(record.version);
  out.bytes(record.key);
  out.bytes(record.signature);
  out.bytes(record.previous);
}

function readRecord(reader: ByteReader): ProtectedName {
  return {
    name: reader.name(),
    version: reader.u64(),
    key: reader.take(PUBLIC_KEY_BYTES).slice(),
    signature: reader.take(SIGNATURE_BYTES).slice(),
    previous: reader.take(SIGNATURE_BYTES).slice(),
  };
}
