/**
 * Signatures of Ed25519 for the core, which does no cryptography with public keys itself.
 *
 * @module
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";

/** The beginning of a public key of Ed25519 as SubjectPublicKeyInfo; its 32 bytes follow. */
const SPKI = Uint8Array.fromHex("302a300506032b6570032100");
/** How many imported keys are kept: importing one takes about as long as verifying. */
const MAX_KEYS = 1_000;

/** Imported keys, by their bytes in hexadecimal. */
const imported = new Map<string, KeyObject>();

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
    return verify(null, text, importKey(key), signature);
  } catch {
    return false;
  }
}

function importKey(key: Uint8Array): KeyObject {
  const hex = key.toHex();
  const known = imported.get(hex);
  if (known) return known;
  const der = new Uint8Array([...SPKI, ...key]);
  // deno-lint-ignore no-explicit-any
  const publicKey = createPublicKey({ key: der as any, format: "der", type: "spki" });
  if (imported.size >= MAX_KEYS) imported.clear();
  imported.set(hex, publicKey);
  return publicKey;
}
