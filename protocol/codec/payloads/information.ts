/**
 * Payloads of types 0 and 1: questions about servers, users and capabilities, and their answers; and
 * the announcement of legacy servers. Bytes in, values out.
 *
 * @module
 */
import { isAddress } from "../address.ts";
import { ErrorCode, ProtocolError } from "../errors.ts";
import { FrameType, Information, MAX_PAYLOAD_BYTES } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";
import { invalidNameReason, readText } from "../text.ts";

/** What a server can do, as it says in its answer to the question for capabilities. */
export const Capability = {
  /** Session registration: framed deliveries and receipts. */
  Session: "session",
  /** Lasting links between servers, with presence and link state. */
  Peer: "peer",
  /** Echo frames are answered. */
  Echo: "echo",
  /** Disconnect frames sign a user off. */
  Disconnect: "disconnect",
  /** Messages may come in batches, from users and from servers. */
  Batch: "bundle",
  /** How many users the server serves: the word has `=` and the number behind it, `load=17`. */
  Load: "load",
} as const;

const encoder = new TextEncoder();

/** Writes a question; `what` is one of {@linkcode Information}. */
export function writeInformationRequest(out: FrameWriter, what: number): void {
  out.frame(FrameType.InformationRequest, what);
}

/**
 * Writes an answer: items joined by NUL. What does not fit into one frame is left out from the end,
 * as one frame is all that an answer has.
 */
export function writeInformationResponse(
  out: FrameWriter,
  what: number,
  items: Iterable<string>,
): void {
  out.begin(FrameType.InformationResponse, what);
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

function readItems(payload: Uint8Array, what: string): string[] {
  if (payload.length === 0) return [];
  return readText(payload, 0, payload.length, what).split("\0");
}

/**
 * The items of an information response from a party that may put anything there: what is not UTF-8 becomes
 * U+FFFD. The caller leaves out what is no address or no name.
 */
export function readAnyItems(payload: Uint8Array): string[] {
  return payload.length === 0 ? [] : new TextDecoder().decode(payload).split("\0");
}

/**
 * The addresses in a list of servers, each `host:port`.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when one is not an address.
 */
export function readServers(payload: Uint8Array): string[] {
  const servers = readItems(payload, "list of servers");
  for (const server of servers) {
    if (!isAddress(server)) {
      throw new ProtocolError(
        ErrorCode.Malformed,
        `Cannot read the list of servers: ${JSON.stringify(server)} is not HOST:PORT`,
      );
    }
  }
  return servers;
}

/**
 * The names in a list of users.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.NameInvalid} when one is not a user name.
 */
export function readUsers(payload: Uint8Array): string[] {
  const users = readItems(payload, "list of users");
  for (const user of users) {
    const why = invalidNameReason(user);
    if (why !== undefined) {
      throw new ProtocolError(
        ErrorCode.NameInvalid,
        `Cannot read the list of users: ${JSON.stringify(user)} is no name, ${why}`,
      );
    }
  }
  return users;
}

/**
 * What a party can do: words of {@linkcode Capability} and, from newer parties, others. Empty for a
 * legacy server.
 */
export function readCapabilities(payload: Uint8Array): Set<string> {
  return new Set(readItems(payload, "list of capabilities"));
}

/** The word by which a server with so many users tells its load. */
export function loadWord(users: number): string {
  return `${Capability.Load}=${users}`;
}

/**
 * How many users a server serves, by its words; `undefined` when it does not say, or when the first word
 * that says so has no whole number.
 */
export function readLoad(capabilities: Iterable<string>): number | undefined {
  for (const word of capabilities) {
    const [, digits] = /^load=(.*)$/s.exec(word) ?? [];
    if (digits !== undefined) return /^[0-9]{1,15}$/.test(digits) ? Number(digits) : undefined;
  }
  return undefined;
}

/** Writes the announcement of a server that listens on `port`; its host is where it comes from. */
export function writeAnnouncement(out: FrameWriter, port: number): void {
  out.begin(FrameType.InformationResponse, Information.Users);
  out.text(String(port));
  out.end();
}

/**
 * The port that an announcement names.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not a number from 1 to 65,535.
 */
export function readAnnouncement(payload: Uint8Array): number {
  const text = readText(payload, 0, payload.length, "announcement");
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    throw new ProtocolError(
      ErrorCode.Malformed,
      `Cannot read the announcement: ${JSON.stringify(text)} is not a port`,
    );
  }
  return port;
}
