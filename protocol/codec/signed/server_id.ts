/**
 * What follows from the key of a server on a network with keys: the server's id, and the thumbprint in its token.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { readUuid } from "../uuid.ts";
import type { ServerIdentity } from "./server_key.ts";
import { signedText, u64Bytes } from "./signed_text.ts";

/**
 * Returns the id of a server on a network with keys: a UUID of version 8 from the SHA-256 of its key and the time of
 * its start. So each start has another id, and nobody without the key can sign for it.
 */
export function serverIdOf({ key, startedAt }: ServerIdentity): string {
  const id = sha256(signedText("server", key, u64Bytes(startedAt))).subarray(0, 16);
  id[6] = 0x80 | (id[6]! & 0x0f);
  id[8] = 0x80 | (id[8]! & 0x3f);
  return readUuid(id, 0);
}

/**
 * Returns the thumbprint of a public key of Ed25519, as RFC 7638 defines it: base64url. A token that is bound to the
 * key contains it.
 */
export function keyThumbprint(key: Uint8Array): string {
  const x = base64url(key);
  return base64url(sha256(new TextEncoder().encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)));
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
