/**
 * Payload of type 8: which users are registered at which server. Each server counts the changes of its own
 * users. This count is the version. Converts bytes to values and back.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { FrameType, MAX_PAYLOAD_BYTES, PresenceKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";

/** The size of the proof of a move, which `moveProof` makes: bytes. */
export const MOVE_PROOF_BYTES = 16;

/** The ways in which a user is registered. The list is append-only. */
export const UserKind = {
  /** The user is no longer registered. */
  Gone: 0,
  /** The user is registered as a session. */
  Session: 1,
  /** The user is registered as a legacy client, which receives text without frames. */
  LegacyClient: 2,
  /** The user is registered at a legacy server that this server forwards to. */
  OnLegacyServer: 3,
} as const;

/** One of the numbers in {@linkcode UserKind}. */
export type UserKind = typeof UserKind[keyof typeof UserKind];

/** One user of one server. */
export interface UserRecord {
  /** The name of the user. */
  name: string;
  /** One of {@linkcode UserKind}. */
  kind: number;
  /** The id of the session: a UUID, or the nil UUID when there is no session. */
  session: string;
  /**
   * The time at which the session registered the name, by the clock of the server that holds this record:
   * milliseconds since 1970. The older of two sessions keeps the name. A server that receives the record
   * converts the time to its own clock.
   */
  since: number;
}

/** All users of one server, or one part of them. */
export interface PresenceSnapshot {
  /** The id of the server: a UUID. */
  server: string;
  /** The number of changes that the server has counted: 0 to 2^53 - 1. */
  version: number;
  /** The number of this part, from 0. */
  part: number;
  /** The number of parts of the snapshot. */
  parts: number;
  /** The users in this part. */
  users: UserRecord[];
}

/** Changes of the users of one server. */
export interface PresenceChanges {
  /** The id of the server: a UUID. */
  server: string;
  /** The version after the first change. Each further change increases it by one. */
  version: number;
  /** The changes, in order. */
  changes: UserRecord[];
}

/** The version of the users of one server that another server has. */
export interface PresenceVersion {
  /** The id of the server: a UUID. */
  server: string;
  /** The version that the sender of the digest has. */
  version: number;
}

/** The length of the longest record of a user: bytes. It has a kind, a session, a time, a length and a name. */
const MAX_RECORD_BYTES = 1 + 16 + 8 + 1 + 255;

/** The number of users that fit into a frame even with the longest names. */
export const MAX_USERS_PER_FRAME: number = Math.floor((MAX_PAYLOAD_BYTES - 32) / MAX_RECORD_BYTES);

/** The number of users that fit into a frame that is signed: it has less room. */
export const MAX_SIGNED_USERS_PER_FRAME: number = MAX_USERS_PER_FRAME - 1;

/** Writes one part of a snapshot: at most {@linkcode MAX_USERS_PER_FRAME} users. */
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
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the
 *   payload is not a part of a snapshot.
 */
export function readPresenceSnapshot(payload: Uint8Array): PresenceSnapshot {
  const reader = new ByteReader(payload, "presence snapshot");
  const server = reader.uuid();
  const version = reader.u64();
  const part = reader.u16();
  const parts = reader.u16();
  if (part >= parts) reader.fail(`it has no part ${part} of ${parts}`);
  return { server, version, part, parts, users: readRecords(reader) };
}

/** Writes changes of users: at most {@linkcode MAX_USERS_PER_FRAME}. */
export function writePresenceChanges(out: FrameWriter, changes: PresenceChanges): void {
  out.begin(FrameType.Presence, PresenceKind.Changes);
  out.uuid(changes.server);
  out.u64(changes.version);
  for (const change of changes.changes) writeRecord(out, change);
  out.end();
}

/**
 * Reads changes of users.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the
 *   payload does not contain changes of users.
 */
export function readPresenceChanges(payload: Uint8Array): PresenceChanges {
  const reader = new ByteReader(payload, "presence changes");
  return { server: reader.uuid(), version: reader.u64(), changes: readRecords(reader) };
}

/** The number of versions that fit into a digest. */
export const MAX_VERSIONS_PER_FRAME: number = Math.floor(MAX_PAYLOAD_BYTES / 24);

/** Writes a digest of the versions that this server has: at most {@linkcode MAX_VERSIONS_PER_FRAME}. */
export function writePresenceDigest(out: FrameWriter, versions: readonly PresenceVersion[]): void {
  out.begin(FrameType.Presence, PresenceKind.Digest);
  for (const { server, version } of versions) {
    out.uuid(server);
    out.u64(version);
  }
  out.end();
}

/**
 * Reads a digest: the versions that the other server has.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not a digest.
 */
export function readPresenceDigest(payload: Uint8Array): PresenceVersion[] {
  const reader = new ByteReader(payload, "presence digest");
  const versions: PresenceVersion[] = [];
  while (reader.left > 0) versions.push({ server: reader.uuid(), version: reader.u64() });
  return versions;
}

/** The number of names that fit into a frame even if all of them are the longest. */
export const MAX_NAMES_PER_FRAME: number = Math.floor(MAX_PAYLOAD_BYTES / 256);

/** Writes names that users have had: at most {@linkcode MAX_NAMES_PER_FRAME}. */
export function writePresenceNames(out: FrameWriter, names: readonly string[]): void {
  out.begin(FrameType.Presence, PresenceKind.Names);
  for (const name of names) out.shortText(name);
  out.end();
}

/**
 * Reads names that users have had.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the
 *   payload is not a list of names.
 */
export function readPresenceNames(payload: Uint8Array): string[] {
  const reader = new ByteReader(payload, "presence names");
  const names: string[] = [];
  while (reader.left > 0) names.push(reader.name());
  return names;
}

/** A claim to a name, or the answer to one. */
export interface NameClaim {
  /** The id of the server that the frame is for: a UUID. */
  to: string;
  /** The id of the server that sent it: a UUID. */
  from: string;
  /** The name. */
  name: string;
  /**
   * In a claim, the proof that the session itself has registered at the server that claims the name: a
   * `moveProof`.
   *
   * @default {none: another session asks for the name}
   */
  proof?: Uint8Array;
}

/**
 * Writes a claim or its answer.
 *
 * @param kind `Claim` or `Held` of {@linkcode PresenceKind}.
 * @param hops The links that the frame has crossed, including the one it is written to: 0 to 65,535.
 */
export function writeNameClaim(
  out: FrameWriter,
  kind: number,
  { to, from, name, proof }: NameClaim,
  hops: number,
): void {
  out.begin(FrameType.Presence, kind, hops);
  out.uuid(to);
  out.uuid(from);
  out.shortText(name);
  if (proof) out.bytes(proof);
  out.end();
}

/**
 * Reads a claim or its answer. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the
 *   payload is neither.
 */
export function readNameClaim(payload: Uint8Array): NameClaim {
  const reader = new ByteReader(payload, "claim");
  const claim = { to: reader.uuid(), from: reader.uuid(), name: reader.name() };
  if (reader.left === 0) return claim;
  return { ...claim, proof: reader.take(MOVE_PROOF_BYTES) };
}

/** Writes the sender's clock: milliseconds since 1970. */
export function writeClock(out: FrameWriter, now: number): void {
  out.begin(FrameType.Presence, PresenceKind.Clock);
  out.u64(now);
  out.end();
}

/**
 * Reads the sender's clock: milliseconds since 1970. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not a time.
 */
export function readClock(payload: Uint8Array): number {
  return new ByteReader(payload, "clock").u64();
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
