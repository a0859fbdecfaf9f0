/**
 * The entries of protected names in the table that all servers see. Knows no NATS.
 *
 * @module
 */
import {
  FrameWriter,
  HEADER_BYTES,
  NetlabError,
  type ProtectedName,
  readProtection,
  writeProtection,
} from "@netlab/protocol/codec";

/** Writes the entry of a protected name. */
export function writeProtected(record: ProtectedName): Uint8Array {
  const out = new FrameWriter();
  writeProtection(out, record);
  return out.take().slice(HEADER_BYTES);
}

/** Reads the entry of a protected name; `undefined` if it is none. */
export function readProtected(value: Uint8Array): ProtectedName | undefined {
  try {
    return readProtection(value);
  } catch (error) {
    if (error instanceof NetlabError) return undefined;
    throw error;
  }
}
