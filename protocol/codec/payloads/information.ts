/**
 * Payloads of types 0 and 1: requests for servers, users and capabilities, the responses to them, and the
 * announcements of legacy servers. Converts bytes to values and back.
 *
 * @module
 */
import { canonicalAddress, parsePort } from "../names/address.ts";
import { ErrorCode, ProtocolError } from "../errors.ts";
import { FrameType, Information, MAX_PAYLOAD_BYTES } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { isNetworkId } from "../names/network.ts";
import { quote } from "../names/quote.ts";
import { invalidNameReason, readText } from "../text.ts";

/** The capabilities that a server can list in its response. */
export const Capability = {
  /** The server registers sessions, which get frames and receipts. */
  Session: "session",
  /** The server keeps links to other servers, with presence and link state. */
  Peer: "peer",
  /** The server answers echo frames. */
  Echo: "echo",
  /** The server signs a user off when a disconnect frame asks for it. */
  Disconnect: "disconnect",
  /** The server reads messages in batches, from users and from servers. */
  Batch: "bundle",
  /** The server reports how many users it has, after an equals sign: `load=17`. */
  Load: "load",
  /** The server takes claims to names: it asks its user for a sign of life. */
  Claim: "claim",
  /** The server states the id of its network, after an equals sign: `network=office`. */
  Network: "network",
  /** The server reads lists of names that users have had. */
  Names: "names",
  /** The server's network has keys: the server takes only parties with a token. */
  Tokens: "tokens",
  /** The server states its id, after an equals sign: `server=` and a UUID. */
  Server: "server",
  /** The server does not tell other servers the keys of sessions: it publishes the ids that follow from them. */
  Key: "key",
  /** The server lets users protect their names. It also states its id ({@linkcode Capability.Server}). */
  Secret: "secret",
  /** The server reads addresses of the form `tls://host:port` in registrations and link states. */
  Tls: "tls",
  /** The server answers and forwards requests for the status, the events and the users of servers. */
  Status: "status",
  /** The server proves its key (2/6), and signs what it tells other servers (type 11). */
  Signed: "signed",
} as const;

const encoder = new TextEncoder();

/** Writes an information request. `kind` is one of {@linkcode Information}. */
export function writeInformationRequest(out: FrameWriter, kind: number): void {
  out.frame(FrameType.InformationRequest, kind);
}

/**
 * Writes an information response: items joined by NUL. A response is a single frame, so items that do not fit
 * into it are left out. {@linkcode writeInformationParts} leaves out none.
 *
 * @param kind One of {@linkcode Information}.
 */
export function writeInformationResponse(
  out: FrameWriter,
  kind: number,
  items: Iterable<string>,
): void {
  out.begin(FrameType.InformationResponse, kind);
  let room = MAX_PAYLOAD_BYTES;
  let first = true;
  for (const item of items) {
    const bytes = encoder.encode(item);
    room -= first ? bytes.length : bytes.length + 1;
    if (room < 0) break;
    if (!first) out.u8(0);
    out.bytes(bytes);
    first = false;
  }
  out.end();
}

/** Writes a list of any length in as many frames as it needs. Each says whether another one follows. */
export class InformationParts {
  readonly #kind: number;
  readonly #items: Iterator<string>;
  /** The item that did not fit into the last part; none after the last item. */
  #next: Uint8Array | undefined;

  /**
   * Begins a list. It is read as far as the parts that were written need.
   *
   * @param kind {@linkcode Information.AllServers} or {@linkcode Information.AllUsers}.
   */
  constructor(kind: number, items: Iterable<string>) {
    this.#kind = kind;
    this.#items = items[Symbol.iterator]();
    this.#advance();
  }

  /** Writes the next part. Returns whether it is the last one. */
  write(out: FrameWriter): boolean {
    const part: Uint8Array[] = [];
    let room = MAX_PAYLOAD_BYTES - 1;
    for (; this.#next && this.#next.length + 1 <= room; this.#advance()) {
      room -= this.#next.length + 1;
      part.push(this.#next);
    }
    const isLast = this.#next === undefined;
    out.begin(FrameType.InformationResponse, this.#kind);
    out.u8(isLast ? 0 : 1);
    for (const [at, bytes] of part.entries()) {
      if (at > 0) out.u8(0);
      out.bytes(bytes);
    }
    out.end();
    return isLast;
  }

  #advance(): void {
    const { value, done } = this.#items.next();
    this.#next = done ? undefined : encoder.encode(value);
  }
}

/**
 * Writes all parts of a list, see {@linkcode InformationParts}.
 *
 * @param kind {@linkcode Information.AllServers} or {@linkcode Information.AllUsers}.
 */
export function writeInformationParts(
  out: FrameWriter,
  kind: number,
  items: Iterable<string>,
): void {
  const parts = new InformationParts(kind, items);
  while (!parts.write(out));
}

/** One part of a list. */
export interface InformationPart {
  /** Whether no other part follows. */
  isLast: boolean;
  /** The items of this part, for {@linkcode readServers} or {@linkcode readUsers}. */
  list: Uint8Array;
}

/**
 * Reads one frame of a list in parts.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is empty, as the answer of a server that does
 *   not know the request is.
 */
export function readInformationPart(payload: Uint8Array): InformationPart {
  if (payload.length === 0) {
    throw new ProtocolError(ErrorCode.Malformed, "Cannot read the part of a list: it is empty");
  }
  return { isLast: payload[0] === 0, list: payload.subarray(1) };
}

function readItems(payload: Uint8Array, what: string): string[] {
  if (payload.length === 0) return [];
  return readText(payload, 0, payload.length, what).split("\0");
}

/**
 * Reads the items of an information response without checking them, because legacy servers may send anything.
 * Replaces bytes that are not UTF-8 with U+FFFD. The caller must check that the items are addresses or names.
 */
export function readUncheckedItems(payload: Uint8Array): string[] {
  return payload.length === 0 ? [] : new TextDecoder().decode(payload).split("\0");
}

/**
 * Reads a list of servers: addresses of the form `host:port`, each once and in its canonical spelling. Ignores
 * what is no address, because legacy servers may send anything, and newer ones other kinds of addresses.
 */
export function readServers(payload: Uint8Array): string[] {
  const servers = readUncheckedItems(payload).map(canonicalAddress);
  return [...new Set(servers)].filter((server) => server !== undefined);
}

/** Reads a list of users: their names. Ignores what cannot be a name. */
export function readUsers(payload: Uint8Array): string[] {
  return readUncheckedItems(payload).filter((name) =>
    invalidNameReason(name) === undefined && !name.includes("\uFFFD")
  );
}

/**
 * Reads a list of capabilities: those of {@linkcode Capability} and, from newer versions, others. A legacy
 * server sends an empty list.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not UTF-8.
 */
export function readCapabilities(payload: Uint8Array): Set<string> {
  return new Set(readItems(payload, "list of capabilities"));
}

/** Formats the capability with which a server reports how many users it has: `load=17`. */
export function formatLoad(users: number): string {
  return `${Capability.Load}=${users}`;
}

/**
 * Finds the number of users of a server in its capabilities. Returns `undefined` when the server does not
 * report it, or when the first value given is not a whole number.
 */
export function readLoad(capabilities: Iterable<string>): number | undefined {
  for (const capability of capabilities) {
    const [, digits] = /^load=(.*)$/s.exec(capability) ?? [];
    if (digits !== undefined) return /^[0-9]{1,15}$/.test(digits) ? Number(digits) : undefined;
  }
  return undefined;
}

/** Formats the capability with which a server states the id of its network: `network=office`. */
export function formatNetwork(id: string): string {
  return `${Capability.Network}=${id}`;
}

/**
 * Finds the id of a server's network in its capabilities. Returns `undefined` when the server does not state
 * it, or when the first value given is not an id of a network.
 */
export function readNetwork(capabilities: Iterable<string>): string | undefined {
  for (const capability of capabilities) {
    const [, id] = /^network=(.*)$/s.exec(capability) ?? [];
    if (id !== undefined) return isNetworkId(id) ? id : undefined;
  }
  return undefined;
}

/** Formats the capability with which a server states its id: `server=` and a UUID. */
export function formatServerId(id: string): string {
  return `${Capability.Server}=${id}`;
}

/**
 * Finds the id of a server in its capabilities. Returns `undefined` when the server does not state it, or when the
 * first value given is no UUID.
 */
export function readServerId(capabilities: Iterable<string>): string | undefined {
  for (const capability of capabilities) {
    const [, id] = /^server=(.*)$/s.exec(capability) ?? [];
    if (id !== undefined) return SERVER_ID.test(id) ? id : undefined;
  }
  return undefined;
}

const SERVER_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Writes the announcement of a server that listens on `port`. The receiver takes the host from the connection. */
export function writeAnnouncement(out: FrameWriter, port: number): void {
  out.begin(FrameType.InformationResponse, Information.Users);
  out.text(String(port));
  out.end();
}

/**
 * Reads the port in an announcement.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not a number from 1 to 65,535.
 */
export function readAnnouncement(payload: Uint8Array): number {
  const text = readText(payload, 0, payload.length, "announcement");
  const port = parsePort(text);
  if (!port) {
    throw new ProtocolError(
      ErrorCode.Malformed,
      `Cannot read the announcement: ${quote(text)} is not a port`,
    );
  }
  return port;
}
