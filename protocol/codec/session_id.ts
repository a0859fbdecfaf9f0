/**
 * Session keys, and what servers tell each other instead: the session's id, and the proof of a move. Does not
 * know who registers where.
 *
 * @module
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { MOVE_PROOF_BYTES } from "./payloads/presence.ts";
import { NIL_UUID, readUuid, writeUuid } from "./uuid.ts";

const encoder = new TextEncoder();
/** What keeps a proof from meaning anything else. */
const MOVE = encoder.encode("netlab move\0");

/**
 * Returns the id under which servers know a session: a UUID of version 8 from the SHA-256 of its key. Nobody can
 * find the key from it. A key of version 7 is its own id, because older clients have such keys, and older servers
 * tell each other the keys. So is the nil UUID, which means that there is no session.
 *
 * @param key The session's key, a UUID.
 */
export function sessionIdOf(key: string): string {
  if (key === NIL_UUID || !isSecretKey(key)) return key;
  const id = sha256(bytesOf(key)).subarray(0, 16);
  id[6] = 0x80 | (id[6]! & 0x0f);
  id[8] = 0x80 | (id[8]! & 0x3f);
  return readUuid(id, 0);
}

/** Returns whether other servers do not learn a session's key, a UUID: see {@linkcode sessionIdOf}. */
export function isSecretKey(key: string): boolean {
  return key[14] !== "7";
}

/** What a {@linkcode moveProof} proves. */
export interface SessionMove {
  /** The id of the server that the session leaves: a UUID. */
  readonly to: string;
  /** The id of the server at which the session has registered: a UUID. */
  readonly from: string;
  /** The name of the user. */
  readonly name: string;
}

/**
 * Returns the proof that a session has registered at the server `from`: 16 bytes of an HMAC-SHA256. Only who knows
 * the session's key can make it and check it.
 *
 * @param key The session's key, a UUID.
 */
export function moveProof(key: string, { to, from, name }: SessionMove): Uint8Array {
  const mac = hmac.create(sha256, bytesOf(key));
  for (const part of [MOVE, bytesOf(to), bytesOf(from), encoder.encode(name)]) mac.update(part);
  return mac.digest().subarray(0, MOVE_PROOF_BYTES);
}

/** Returns whether `proof` is the {@linkcode moveProof} of this move. */
export function isMoveProof(proof: Uint8Array, key: string, move: SessionMove): boolean {
  const expected = moveProof(key, move);
  let differences = proof.length ^ expected.length;
  for (let i = 0; i < expected.length; i++) differences |= expected[i]! ^ (proof[i] ?? 0);
  return differences === 0;
}

function bytesOf(uuid: string): Uint8Array {
  const bytes = new Uint8Array(16);
  writeUuid(uuid, bytes, 0);
  return bytes;
}
