/**
 * The entries of the table that all servers see: their keys and values. Knows no NATS.
 *
 * @module
 */
import { NIL_UUID, UserKind, type UserRecord } from "@netlab/protocol/codec";

/** A server of the network. */
export interface ServerEntry {
  /** The address at which others reach it: `host:port`. */
  readonly address: string;
  /** What it can do: words of `Capability`. */
  readonly capabilities: readonly string[];
}

/** A user of the network, and the id of the server where the user is. */
export interface UserEntry extends Omit<UserRecord, "name"> {
  /** The id of the server. */
  readonly server: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What an entry is about. */
export type Kind =
  /** A server, by its id. */
  | "server"
  /** A user, by name. */
  | "user"
  /** The server that delivers what is in a partition of what is stored, by partition. */
  | "partition"
  /** A protected name. */
  | "protected";

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["s", "server"],
  ["u", "user"],
  ["m", "partition"],
  ["p", "protected"],
]);

const LETTERS: ReadonlyMap<Kind, string> = new Map([...KINDS].map(([key, kind]) => [kind, key]));

/** Returns the key of an entry. Any text may be the subject. */
export function keyOf(kind: Kind, subject: string): string {
  return `${LETTERS.get(kind)}.${encoder.encode(subject).toBase64({ alphabet: "base64url" })}`;
}

/** Returns what an entry is about; `undefined` for the key of a newer version. */
export function readKey(key: string): { kind: Kind; subject: string } | undefined {
  const kind = KINDS.get(key.slice(0, 1));
  if (kind === undefined || key[1] !== ".") return undefined;
  try {
    const bytes = Uint8Array.fromBase64(key.slice(2), { alphabet: "base64url" });
    return { kind, subject: decoder.decode(bytes) };
  } catch {
    return undefined;
  }
}

/** Writes a value. */
export function writeValue(value: ServerEntry | UserEntry | string): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** Reads the entry of a server. */
export function readServer(value: Uint8Array): ServerEntry | undefined {
  const { address, capabilities } = parse(value);
  if (typeof address !== "string" || !Array.isArray(capabilities)) return undefined;
  return { address, capabilities: capabilities.filter((word) => typeof word === "string") };
}

/** Reads the entry of a user. */
export function readUser(value: Uint8Array): UserEntry | undefined {
  const { server, kind = UserKind.Session, session = NIL_UUID, since } = parse(value);
  if (typeof server !== "string" || typeof kind !== "number") return undefined;
  if (typeof session !== "string" || typeof since !== "number") return undefined;
  return { server, kind, session, since };
}

/** Reads the id of the server in the entry of a partition. */
export function readPartition(value: Uint8Array): string | undefined {
  try {
    const server: unknown = JSON.parse(decoder.decode(value));
    return typeof server === "string" ? server : undefined;
  } catch {
    return undefined;
  }
}

function parse(value: Uint8Array): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(decoder.decode(value));
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}
