/**
 * Payloads of types 2 and 5: registrations of users and servers, and disconnects. Converts bytes to values and
 * back.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { DisconnectKind, FrameType, Registration } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { isNetworkId } from "../names/network.ts";
import { readName } from "../text.ts";
import { SIGNATURE_BYTES } from "./protected_name.ts";

/** The abilities that a session announces when it registers. Each ability is one bit. */
export const Ability = {
  /** The client reads messages in batches. */
  Batches: 1,
  /** The client ignores heartbeats (9/1), and takes them as signs of life. */
  Heartbeats: 2,
} as const;

/** The abilities that a server announces when it registers as a peer. Each ability is one bit. */
export const PeerAbility = {
  /** The server reads addresses of the form `tls://host:port`. */
  Tls: 1,
  /** The server reads of which servers its peer needs no presence (8/8). */
  Unneeded: 2,
} as const;

/** The request of a user to register a session. */
export interface SessionRegistration {
  /**
   * The key of the session: a UUID that only this client and its server know. At a server without the capability
   * `key`, it is the id of the session, because that server would tell all others.
   */
  session: string;
  /** The name of the user. */
  name: string;
  /**
   * The abilities of the client: bits of {@linkcode Ability}, 0 to 255.
   *
   * @default {0}
   */
  abilities?: number;
  /**
   * The proof that the user knows the secret that protects the name: a signature of `registrationText`, 64 bytes.
   *
   * @default {none}
   */
  signature?: Uint8Array;
}

/** The response to a session registration. */
export interface SessionWelcome {
  /** The id of the server: a UUID. */
  server: string;
  /** The address that the server advertises: `host:port`. */
  address: string;
  /** The name under which the user is registered. */
  name: string;
}

/** The request of a server for a link, and the response to it. */
export interface PeerRegistration {
  /** The id of the server: a UUID. */
  server: string;
  /** The address at which other servers reach this one: `host:port`. */
  address: string;
  /**
   * The id of the server's network.
   *
   * @default {none: an older server}
   */
  network?: string;
  /**
   * The abilities of the server: bits of {@linkcode PeerAbility}, 0 to 255. Written only with a network.
   *
   * @default {none: an older server}
   */
  abilities?: number;
}

/** Writes the registration of a legacy user, who receives text without frames. */
export function writeLegacyRegistration(out: FrameWriter, name: string): void {
  out.begin(FrameType.Registration, Registration.LegacyUser);
  out.text(name);
  out.end();
}

/**
 * Reads the name in the registration of a legacy user or in a disconnect.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.NameInvalid} or {@linkcode ErrorCode.Malformed} when it is not
 *   a valid name.
 */
export function readLegacyName(payload: Uint8Array): string {
  return readName(payload, 0, payload.length);
}

/** Writes a {@linkcode SessionRegistration}. */
export function writeSessionRegistration(
  out: FrameWriter,
  { session, name, abilities = 0, signature }: SessionRegistration,
): void {
  out.begin(FrameType.Registration, Registration.Session);
  out.uuid(session);
  out.shortText(name);
  if (abilities !== 0 || signature) out.u8(abilities);
  if (signature) out.bytes(signature);
  out.end();
}

/**
 * Reads a {@linkcode SessionRegistration}. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the
 *   payload is not a session registration.
 */
export function readSessionRegistration(payload: Uint8Array): SessionRegistration {
  const reader = new ByteReader(payload, "session registration");
  const session = reader.uuid();
  const name = reader.name();
  const abilities = reader.left > 0 ? reader.u8() : 0;
  if (reader.left < SIGNATURE_BYTES) return { session, name, abilities };
  return { session, name, abilities, signature: reader.take(SIGNATURE_BYTES).slice() };
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

/**
 * Reads a {@linkcode SessionWelcome}. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the
 *   payload is not a session welcome.
 */
export function readSessionWelcome(payload: Uint8Array): SessionWelcome {
  const reader = new ByteReader(payload, "answer to a registration");
  return { server: reader.uuid(), address: reader.address(), name: reader.name() };
}

/** Writes a {@linkcode PeerRegistration}. */
export function writePeerRegistration(
  out: FrameWriter,
  { server, address, network, abilities }: PeerRegistration,
): void {
  out.begin(FrameType.Registration, Registration.Peer);
  out.uuid(server);
  out.shortText(address);
  if (network !== undefined) out.shortText(network);
  if (network !== undefined && abilities !== undefined) out.u8(abilities);
  out.end();
}

/**
 * Reads a {@linkcode PeerRegistration}. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not a peer registration.
 */
export function readPeerRegistration(payload: Uint8Array): PeerRegistration {
  const reader = new ByteReader(payload, "peer registration");
  const [server, address] = [reader.uuid(), reader.address()];
  if (reader.left === 0) return { server, address };
  const network = reader.shortText();
  if (!isNetworkId(network)) reader.fail("the network is not an id of one");
  return { server, address, network, ...reader.left > 0 && { abilities: reader.u8() } };
}

/** Writes a disconnect of a user. `kind` is `Leave` or `Move` of {@linkcode DisconnectKind}. */
export function writeDisconnect(out: FrameWriter, name: string, kind: number): void {
  out.begin(FrameType.Disconnect, kind);
  out.text(name);
  out.end();
}

/** Writes the request of a server that a session move to one of `servers`: addresses of the form `host:port`. */
export function writeMoveRequest(out: FrameWriter, servers: readonly string[]): void {
  out.begin(FrameType.Disconnect, DisconnectKind.MoveRequest);
  out.text(servers.join("\0"));
  out.end();
}
