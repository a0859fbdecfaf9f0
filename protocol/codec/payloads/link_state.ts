/**
 * Payload of type 9: the links of one server and their costs. Converts bytes to values and back.
 *
 * @module
 */
import { ByteReader } from "../byte_reader.ts";
import { FrameType, LinkStateKind } from "../frame.ts";
import type { FrameWriter } from "../frame_writer.ts";

/** One link of a server. */
export interface LinkCost {
  /** The id of the server at the other end of the link: a UUID. */
  server: string;
  /** The cost of the link: 1 to 2^32 - 1. The cost of a route is the sum of the costs of its links. */
  cost: number;
}

/** The links of one server. */
export interface LinkState {
  /** The server's id, a UUID. */
  server: string;
  /**
   * The version: 0 to 2^53 - 1. It increases with every change. A link state replaces those of lower
   * versions.
   */
  version: number;
  /** The address at which other servers reach this server: `host:port`. */
  address: string;
  /** The links of the server. */
  links: LinkCost[];
}

/** The number of links that fit into a frame with the longest address. */
export const MAX_LINKS = 3_000;

/**
 * Writes the links of one server: at most {@linkcode MAX_LINKS}.
 *
 * @param ageS The time since that server sent them: seconds, 0 to 65,535. It is written to the reserved field
 *   of the header.
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
 * Reads only the server and the version of a link state, to find out whether it is new. Link states are
 * flooded, so most of them arrive more than once.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is too short.
 */
export function readLinkStateVersion(payload: Uint8Array): Pick<LinkState, "server" | "version"> {
  const reader = new ByteReader(payload, "link state");
  return { server: reader.uuid(), version: reader.u64() };
}

/**
 * Reads the links of one server.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload has another layout.
 */
export function readLinkState(payload: Uint8Array): LinkState {
  const reader = new ByteReader(payload, "link state");
  const server = reader.uuid();
  const version = reader.u64();
  const address = reader.address();
  const links: LinkCost[] = [];
  while (reader.left > 0) {
    const link = { server: reader.uuid(), cost: reader.u32() };
    if (link.cost === 0) reader.fail("the cost of a link is 0");
    links.push(link);
  }
  return { server, version, address, links };
}

/** Writes a heartbeat, which tells the other server that this one is alive. */
export function writeHeartbeat(out: FrameWriter): void {
  out.frame(FrameType.LinkState, LinkStateKind.Heartbeat);
}
