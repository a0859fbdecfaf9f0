/**
 * Payload of type 8: which users are where. Every server counts the changes of its own users; the
 * count is the version. Bytes in, values out.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { FrameType, MAX_PAYLOAD_BYTES, PresenceKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";

/** How a user is there. Append only. */
export const UserKind = {
  /** Not any more. */
  Gone: 0,
  /** As a session. */
  Session: 1,
  /** As a user who reads bare text. */
  LegacyClient: 2,
  /** At a legacy server that this one speaks for. */
  OnLegacyServer: 3,
} as const;

/** One of the numbers in {@linkcode UserKind}. */
export type UserKind = typeof UserKind[keyof typeof UserKind];

/** One user of one server. */
export interface UserRecord {
  /** The user's name. */
  name: string;
  /** One of {@linkcode UserKind}. */
  kind: number;
  /** The session's key, a UUID; nil for whoever has no session. */
  session: string;
  /** When the session took the name: milliseconds since 1970. The older of two keeps it. */
  since: number;
}

/** Some of the users of one server: all of them, or one part of several. */
export interface PresenceSnapshot {
  /** The server's id, a UUID. */
  server: string;
  /** How many changes the server had counted. */
  version: number;
  /** Which part this is, from 0. */
  part: number;
  /** How many parts there are. */
  parts: number;
  /** The users in this part. */
  users: UserRecord[];
}

/** Changes of the users of one server. */
export interface PresenceChanges {
  /** The server's id, a UUID. */
  server: string;
  /** The version that the first of the changes makes; each further one makes the next. */
  version: number;
  /** The changes, in order. */
  changes: UserRecord[];
}

/** Which version of one server's users is known. */
export interface PresenceVersion {
  /** The server's id, a UUID. */
  server: string;
  /** The version that the asking server has. */
  version: number;
}

/** Most bytes of one user's record: kind, session, since, length and name. */
const MAX_RECORD_BYTES = 1 + 16 + 8 + 1 + 255;

/** Most users in one frame, however long their names are. */
export const MAX_USERS_PER_FRAME: number = Math.floor((MAX_PAYLOAD_BYTES - 32) / MAX_RECORD_BYTES);

/** Writes one part of a snapshot, with at most {@linkcode MAX_USERS_PER_FRAME} users. */
export function writePresenceSnapshot(out: FrameWriter, snapshot: PresenceSnapshot): void {
  out.begin(FrameType.Presence, PresenceKind.Snapshot);
  out.uuid(snapshot.server);
  out.u64(snapshot.version);
  out.u16(snapshot.part);
  out.u16(snapshot.parts);
  for (const user of snapshot.users) writeRecord(out, user);
  out.end();
}

/**
 * Reads one part of a snapshot.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when
 *   the payload is not one; the other readers of this file throw the same.
 */
export function readPresenceSnapshot(payload: Uint8Array): PresenceSnapshot {
  const reader = new ByteReader(payload, "presence snapshot");
  const server = reader.uuid();
  const version = reader.u64();
  const part = reader.u16();
  const parts = reader.u16();
  if (part >= parts) reader.fail(`part ${part} of ${parts} cannot be`);
  return { server, version, part, parts, users: readRecords(reader) };
}

/** Writes changes, at most {@linkcode MAX_USERS_PER_FRAME}. */
export function writePresenceChanges(out: FrameWriter, changes: PresenceChanges): void {
  out.begin(FrameType.Presence, PresenceKind.Changes);
  out.uuid(changes.server);
  out.u64(changes.version);
  for (const change of changes.changes) writeRecord(out, change);
  out.end();
}

/** Reads changes. */
export function readPresenceChanges(payload: Uint8Array): PresenceChanges {
  const reader = new ByteReader(payload, "presence changes");
  return { server: reader.uuid(), version: reader.u64(), changes: readRecords(reader) };
}

/** Most servers in one digest. */
export const MAX_VERSIONS_PER_FRAME: number = Math.floor(MAX_PAYLOAD_BYTES / 24);

/** Writes which versions are known here, at most {@linkcode MAX_VERSIONS_PER_FRAME} of them. */
export function writePresenceDigest(out: FrameWriter, versions: readonly PresenceVersion[]): void {
  out.begin(FrameType.Presence, PresenceKind.Digest);
  for (const { server, version } of versions) {
    out.uuid(server);
    out.u64(version);
  }
  out.end();
}

/** Reads which versions the other server has. */
export function readPresenceDigest(payload: Uint8Array): PresenceVersion[] {
  const reader = new ByteReader(payload, "presence digest");
  const versions: PresenceVersion[] = [];
  while (reader.left > 0) versions.push({ server: reader.uuid(), version: reader.u64() });
  return versions;
}

function writeRecord(out: FrameWriter, user: UserRecord): void {
  out.u8(user.kind);
  out.uuid(user.session);
  out.u64(user.since);
  out.shortText(user.name);
}

function readRecords(reader: ByteReader): UserRecord[] {
  const records: UserRecord[] = [];
  while (reader.left > 0) {
    const kind = reader.u8();
    const session = reader.uuid();
    const since = reader.u64();
    records.push({ name: reader.name(), kind, session, since });
  }
  return records;
}
