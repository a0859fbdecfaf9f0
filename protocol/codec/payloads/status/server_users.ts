/**
 * Payload of 10/5: a page of the users of one server, or of those that it knows. Converts bytes to values and back.
 *
 * @module
 */
import { ByteReader } from "../../byte_reader.ts";
import { FrameType, StatusKind } from "../../frame.ts";
import type { FrameWriter } from "../../frame_writer.ts";

/** A user, as a server knows it. */
export interface UserStatus {
  /** The name of the user. */
  name: string;
  /** The id of the server where the user is: a UUID. */
  server: string;
  /** How the user is registered: one of `UserKind`. */
  kind: number;
  /** For how long the user has had the name: milliseconds. */
  sinceMs: number;
}

/** A page of users. */
export interface UsersAnswer {
  /** The number of the request. */
  number: number;
  /** The id of the server that answers: a UUID. */
  server: string;
  /** About how many users there are on all pages. */
  total: number;
  /** The name after which the next page begins; empty on the last page. */
  next: string;
  /** The users: at most {@linkcode MAX_USERS_PER_PAGE}. */
  users: UserStatus[];
}

/** The number of users that fit into a page even if all of them have the longest names. */
export const MAX_USERS_PER_PAGE = 200;

/** Writes a page of users. */
export function writeServerUsers(out: FrameWriter, answer: UsersAnswer, hops = 0): void {
  out.begin(FrameType.Status, StatusKind.UsersAnswer, hops);
  out.u32(answer.number);
  out.uuid(answer.server);
  out.u32(answer.total);
  out.shortText(answer.next);
  const servers = [...new Set(answer.users.map(({ server }) => server))];
  const index = new Map(servers.map((server, at) => [server, at]));
  out.u16(servers.length);
  for (const server of servers) out.uuid(server);
  for (const { name, server, kind, sinceMs } of answer.users) {
    out.u16(index.get(server)!);
    out.u8(kind);
    out.u64(sinceMs);
    out.shortText(name);
  }
  out.end();
}

/**
 * Reads a page of users.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the payload is
 *   none.
 */
export function readServerUsers(payload: Uint8Array): UsersAnswer {
  const reader = new ByteReader(payload, "page of users");
  const head = {
    number: reader.u32(),
    server: reader.uuid(),
    total: reader.u32(),
    next: reader.shortText(),
  };
  const servers: string[] = [];
  for (let left = reader.u16(); left > 0; left--) servers.push(reader.uuid());
  const users: UserStatus[] = [];
  while (reader.left > 0) {
    const server = servers[reader.u16()] ?? reader.fail("a user is at a server that is not listed");
    const kind = reader.u8();
    const sinceMs = reader.u64();
    users.push({ name: reader.name(), server, kind, sinceMs });
  }
  return { ...head, users };
}
