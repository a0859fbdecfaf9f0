/**
 * Makes random UUIDs. `crypto.randomUUID` is missing in a browser whose page was loaded without TLS from another
 * machine.
 *
 * @module
 */
import { readUuid } from "@netlab/protocol/codec";

/** Returns a random UUID (version 4). */
export function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = 0x40 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return readUuid(bytes, 0);
}
