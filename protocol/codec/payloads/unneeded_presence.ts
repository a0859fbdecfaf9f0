/**
 * Payload of 8/8: the servers of which a server needs no presence from the receiver. Converts bytes to values and
 * back.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { FrameType, MAX_PAYLOAD_BYTES, PresenceKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";

/** The number of servers that fit into the frame. */
export const MAX_UNNEEDED_PER_FRAME: number = Math.floor(MAX_PAYLOAD_BYTES / 16);

/** Writes the ids of servers, UUIDs: at most {@linkcode MAX_UNNEEDED_PER_FRAME}. */
export function writeUnneededPresence(out: FrameWriter, servers: readonly string[]): void {
  out.begin(FrameType.Presence, PresenceKind.Unneeded);
  for (const server of servers) out.uuid(server);
  out.end();
}

/**
 * Reads the ids of servers.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload does not consist of ids.
 */
export function readUnneededPresence(payload: Uint8Array): string[] {
  const reader = new ByteReader(payload, "list of servers");
  const servers: string[] = [];
  while (reader.left > 0) servers.push(reader.uuid());
  return servers;
}
