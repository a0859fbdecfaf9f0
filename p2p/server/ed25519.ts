/**
 * Verifies signatures of Ed25519 for the core, which does no cryptography with public keys itself.
 *
 * @module
 */
import { createPublicKey, verify } from "node:crypto";

/** The beginning of a public key of Ed25519 as SubjectPublicKeyInfo; its 32 bytes follow. */
const SPKI = Uint8Array.fromHex("302a300506032b6570032100");

/**
 * Returns whether a signature is right. It takes about 0.1 ms.
 *
 * @param key The public key: 32 bytes.
 * @param signature The signature: 64 bytes.
 */
export function verifySignature(
  key: Uint8Array,
  text: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const der = new Uint8Array([...SPKI, ...key]);
    // deno-lint-ignore no-explicit-any
    const publicKey = createPublicKey({ key: der as any, format: "der", type: "spki" });
    return verify(null, text, publicKey, signature);
  } catch {
    return false;
  }
}
