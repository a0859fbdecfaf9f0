/**
 * Payload of type 9: which servers one server has links to, at what cost. Bytes in, values out.
 *
 * @module
 */
import { isAddress } from "../address.ts";
import { ByteReader } from "../byte_reader.ts";
import { FrameType, LinkStateKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";

/** One link of a server. */
export interface LinkCost {
  /** The id of the server at its other end, a UUID. */
  server: string;
  /** What a message's way over it costs, 1 to 2^32 - 1: smaller is better, and a way's costs add up. */
  cost: number;
}

/** The links of one server. */
export interface LinkState {
  /** The server's id, a UUID. */
  server: string;
  /** Grows with every change; a higher one replaces a lower one. */
  version: number;
  /** Where the server is reached, `host:port`. */
  address: string;
  /** Its links. */
  links: LinkCost[];
}

/** Most links of one server: what fits into a frame beside the longest address. */
export const MAX_LINKS = 3_000;

/**
 * Writes the links of one server, at most {@linkcode MAX_LINKS}.
 *
 * @param ageS How long ago that server said so: seconds, 0 to 65,535. It stands in the header's
 *   `reserved`.
 */
export function writeLinkState(out: FrameWriter, state: LinkState, ageS = 0): void {
  out.begin(FrameType.LinkState, LinkStateKind.Links, ageS);
  out.uuid(state.server);
  out.u64(state.version);
  out.shortText(state.address);
  for (const link of state.links) {
    out.uuid(link.server);
    out.u32(link.cost);
  }
  out.end();
}

/**
 * Reads which server a payload is about, and the version: of what is flooded, most comes once more.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when they are not there.
 */
export function readLinkStateVersion(payload: Uint8Array): Pick<LinkState, "server" | "version"> {
  const reader = new ByteReader(payload, "link state");
  return { server: reader.uuid(), version: reader.u64() };
}

/**
 * Reads the links of one server.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is not of that layout.
 */
export function readLinkState(payload: Uint8Array): LinkState {
  const reader = new ByteReader(payload, "link state");
  const server = reader.uuid();
  const version = reader.u64();
  const address = reader.shortText();
  if (!isAddress(address)) reader.fail(`${JSON.stringify(address)} is not HOST:PORT`);
  const links: LinkCost[] = [];
  while (reader.left > 0) {
    const link = { server: reader.uuid(), cost: reader.u32() };
    if (link.cost === 0) reader.fail("a link cannot cost nothing");
    links.push(link);
  }
  return { server, version, address, links };
}

/** Writes a sign of life, so that the other server does not take silence for death. */
export function writeHeartbeat(out: FrameWriter): void {
  out.frame(FrameType.LinkState, LinkStateKind.Heartbeat);
}
