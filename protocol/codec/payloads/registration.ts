/**
 * Payloads of types 2 and 5: who a connection is, and that a user leaves. Bytes in, values out.
 *
 * @module
 */
import { isAddress } from "../address.ts";
import { ByteReader } from "../byte_reader.ts";
import { DisconnectKind, FrameType, Registration } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { readName } from "../text.ts";

/** What a session says at its registration that it can do; each is a bit. */
export const Ability = {
  /** It reads messages in batches. */
  Batches: 1,
} as const;

/** A user asks to be registered as a session. */
export interface SessionRegistration {
  /** The session's key, a UUID that only this client and the servers know. */
  session: string;
  /** The user's name. */
  name: string;
  /**
   * What the client can do: bits of {@linkcode Ability}, 0 to 255.
   *
   * @default {0}
   */
  abilities?: number;
}

/** The answer to a session registration. */
export interface SessionWelcome {
  /** The server's id, a UUID. */
  server: string;
  /** The server's address as it advertises it, `host:port`. */
  address: string;
  /** The name under which the user is registered. */
  name: string;
}

/** A server asks for a lasting link, and the other answers with the same. */
export interface PeerRegistration {
  /** The server's id, a UUID. */
  server: string;
  /** Where others reach it, `host:port`. */
  address: string;
}

/** Writes the registration of a user who reads bare text. */
export function writeLegacyRegistration(out: FrameWriter, name: string): void {
  out.begin(FrameType.Registration, Registration.LegacyUser);
  out.text(name);
  out.end();
}

/** The name in the registration of a user who reads bare text, or in a disconnect. */
export function readLegacyName(payload: Uint8Array): string {
  return readName(payload, 0, payload.length);
}

/** Writes a {@linkcode SessionRegistration}. */
export function writeSessionRegistration(
  out: FrameWriter,
  { session, name, abilities = 0 }: SessionRegistration,
): void {
  out.begin(FrameType.Registration, Registration.Session);
  out.uuid(session);
  out.shortText(name);
  if (abilities !== 0) out.u8(abilities);
  out.end();
}

/** Reads a {@linkcode SessionRegistration}; fields that newer parties append are passed over. */
export function readSessionRegistration(payload: Uint8Array): SessionRegistration {
  const reader = new ByteReader(payload, "session registration");
  const session = reader.uuid();
  const name = reader.name();
  return { session, name, abilities: reader.left > 0 ? reader.u8() : 0 };
}

/** Writes a {@linkcode SessionWelcome}. */
export function writeSessionWelcome(
  out: FrameWriter,
  { server, address, name }: SessionWelcome,
): void {
  out.begin(FrameType.Registration, Registration.Session);
  out.uuid(server);
  out.shortText(address);
  out.shortText(name);
  out.end();
}

/** Reads a {@linkcode SessionWelcome}; fields that newer parties append are passed over. */
export function readSessionWelcome(payload: Uint8Array): SessionWelcome {
  const reader = new ByteReader(payload, "answer to a registration");
  return { server: reader.uuid(), address: readAddress(reader), name: reader.name() };
}

/** Writes a {@linkcode PeerRegistration}. */
export function writePeerRegistration(
  out: FrameWriter,
  { server, address }: PeerRegistration,
): void {
  out.begin(FrameType.Registration, Registration.Peer);
  out.uuid(server);
  out.shortText(address);
  out.end();
}

/** Reads a {@linkcode PeerRegistration}; fields that newer parties append are passed over. */
export function readPeerRegistration(payload: Uint8Array): PeerRegistration {
  const reader = new ByteReader(payload, "peer registration");
  return { server: reader.uuid(), address: readAddress(reader) };
}

/** Writes a disconnect: the user signs off. `kind` is one of {@linkcode DisconnectKind}. */
export function writeDisconnect(out: FrameWriter, name: string, kind: number): void {
  out.begin(FrameType.Disconnect, kind);
  out.text(name);
  out.end();
}

/** Writes a server's request that a session move to one of `servers`, `host:port` each. */
export function writeMoveRequest(out: FrameWriter, servers: readonly string[]): void {
  out.begin(FrameType.Disconnect, DisconnectKind.MoveRequest);
  out.text(servers.join("\0"));
  out.end();
}

/** A field that must be `host:port`. */
function readAddress(reader: ByteReader): string {
  const address = reader.shortText();
  if (!isAddress(address)) reader.fail(`${JSON.stringify(address)} is not HOST:PORT`);
  return address;
}
