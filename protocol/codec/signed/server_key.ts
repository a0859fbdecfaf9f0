/**
 * Payload of 2/6: the key of a server on a network with keys, and the proof that the server has it. Converts bytes to
 * values and back. Does not sign or verify.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { FrameType, Registration } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../payloads/protected_name.ts";
import { writeUuid } from "../uuid.ts";
import { signedText } from "./signed_text.ts";

/** The size of a challenge: bytes. */
export const CHALLENGE_BYTES = 16;

/** What identifies one run of a server. */
export interface ServerIdentity {
  /** The server's public key of Ed25519: 32 bytes. */
  readonly key: Uint8Array;
  /** When the server started, by its own clock: milliseconds since 1970. */
  readonly startedAt: number;
}

/** What a server says of its key on a new link. */
export interface ServerKeyProof extends ServerIdentity {
  /** What the other server must sign: {@linkcode CHALLENGE_BYTES} random bytes. */
  readonly challenge: Uint8Array;
  /**
   * The signature of {@linkcode linkText} with the challenge of the other server: 64 bytes.
   *
   * @default {none: the server does not know that challenge yet}
   */
  readonly signature?: Uint8Array;
}

const encoder = new TextEncoder();

/** Writes the key of a server and its proof. */
export function writeServerKey(out: FrameWriter, proof: ServerKeyProof): void {
  out.begin(FrameType.Registration, Registration.ServerKey);
  out.bytes(proof.key);
  out.u64(proof.startedAt);
  out.bytes(proof.challenge);
  if (proof.signature) out.bytes(proof.signature);
  out.end();
}

/**
 * Reads the key of a server and its proof. The arrays are copies. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is neither.
 */
export function readServerKey(payload: Uint8Array): ServerKeyProof {
  const reader = new ByteReader(payload, "key of a server");
  const proof = {
    key: reader.take(PUBLIC_KEY_BYTES).slice(),
    startedAt: reader.u64(),
    challenge: reader.take(CHALLENGE_BYTES).slice(),
  };
  if (reader.left === 0) return proof;
  return { ...proof, signature: reader.take(SIGNATURE_BYTES).slice() };
}

/**
 * Returns what a server signs to prove its key on a link.
 *
 * @param network The name of the network.
 * @param challenge The challenge of the other server.
 * @param from The id of the server that signs, a UUID.
 * @param to The id of the other server, a UUID.
 */
export function linkText(
  network: string,
  challenge: Uint8Array,
  from: string,
  to: string,
): Uint8Array {
  const ids = new Uint8Array(32);
  writeUuid(from, ids, 0);
  writeUuid(to, ids, 16);
  return signedText("link", challenge, ids, encoder.encode(network));
}
