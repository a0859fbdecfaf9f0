/**
 * Puts together the bytes that are signed. Does not sign.
 *
 * @module
 */

const encoder = new TextEncoder();

/**
 * Returns what is signed: `what`, which keeps the signature from meaning anything else, NUL, and the parts.
 * Parts of variable length come last, or after their length.
 */
export function signedText(what: string, ...parts: Uint8Array[]): Uint8Array {
  const all = [encoder.encode(`netlab ${what}\0`), ...parts];
  const bytes = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Returns a whole number from 0 to 2^53 - 1 as 64 bits, big-endian. */
export function u64Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
