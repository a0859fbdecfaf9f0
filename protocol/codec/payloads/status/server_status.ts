/**
 * Payload of 10/1: the status of one server. Converts bytes to values and back.
 *
 * @module
 */
import { ByteReader } from "../../byte_reader.ts";
import { canonicalAddress } from "../../names/address.ts";
import { FrameType, StatusKind } from "../../frame.ts";
import type { FrameWriter } from "../../frame_writer.ts";

/** What a server has counted since it started. A watcher takes differences to find rates. */
export interface StatusTotals {
  /** Messages that arrived from users and from servers, copies included. */
  messagesReceived: number;
  /** Messages that were written to users of this server. */
  messagesDelivered: number;
  /** Messages that were written to other servers. */
  messagesForwarded: number;
  /** Messages that were stored until their recipients acknowledge them. */
  messagesStored: number;
  /** Messages that were refused. Their senders were told. */
  messagesRefused: number;
  /** Copies of messages, which were dropped. */
  duplicates: number;
  /** Bytes that were read from all connections; 0 if nobody counts them. */
  bytesRead: number;
  /** Bytes that were written to all connections; 0 if nobody counts them. */
  bytesWritten: number;
  /** Frames that were refused with an error. */
  requestsRefused: number;
}

/** A link of a server. */
export interface LinkStatus {
  /** The id of the server at the other end: a UUID. */
  server: string;
  /** The address of that server: `host:port` or `tls://host:port`. */
  address: string;
  /** The lowest of the last round-trip times: milliseconds; `undefined` if nobody has measured. */
  rttMs: number | undefined;
  /**
   * What the link counts for when routes are compared: milliseconds; `undefined` if it is not known, and at servers
   * that count links.
   */
  costMs: number | undefined;
  /** Bytes that wait to be sent. */
  queuedBytes: number;
  /** For how long the link has been up: milliseconds. */
  upMs: number;
  /** To how many servers the route starts with this link. */
  nextHopFor: number;
}

/** The route from a server to another one. */
export interface RouteStatus {
  /** The id of the other server: a UUID. */
  server: string;
  /** The address of the other server: `host:port` or `tls://host:port`. */
  address: string;
  /** The id of the server at the other end of the link that the route starts with: a UUID. */
  nextHop: string;
  /** The number of links. */
  hops: number;
  /**
   * The sum of what its links count for: milliseconds; `undefined` if one is not known, and at servers that count
   * links.
   */
  costMs: number | undefined;
}

/** The status of one server. */
export interface ServerStatus {
  /** The id of the server: a UUID. */
  server: string;
  /** Where others reach the server: `host:port` or `tls://host:port`. */
  address: string;
  /** The id of its network. */
  network: string;
  /** The version of the server: `0.5.0`. */
  version: string;
  /** Which system it belongs to: `p2p`, `rtt`, or one that a newer version has added. */
  system: string;
  /** For how long it has been running: milliseconds. */
  uptimeMs: number;
  /** Whether it is about to leave. */
  isDraining: boolean;
  /** The number of its users. */
  users: number;
  /** The number of its connections, of all kinds. */
  connections: number;
  /** What it has counted since it started. */
  totals: StatusTotals;
  /** What waits in memory. */
  queues: {
    /** Bytes that wait to be sent on all connections. */
    outgoingBytes: number;
    /** Stored messages that were sent and are not acknowledged. */
    inFlight: number;
  };
  /** What it stores. */
  mailbox: {
    /** Stored messages. */
    messages: number;
    /** Bytes of stored messages. */
    bytes: number;
    /** Users for whom messages are stored. */
    recipients: number;
    /** The age of the oldest message: milliseconds, to the second; 0 if there is none. */
    oldestMs: number;
  };
  /** How often each limit was hit, by the code of the error that said so. */
  limitsHit: { code: number; count: number }[];
  /** Its links. */
  links: LinkStatus[];
  /** Its routes to all servers that can be reached. */
  routes: RouteStatus[];
  /** How many links and routes did not fit into the answer. */
  leftOut: number;
  /** What the process uses; 0 if it is not known. */
  memory: {
    /** The memory that the system has given to the process: bytes. */
    rssBytes: number;
    /** The part of it that values use: bytes. */
    heapBytes: number;
  };
  /** Where browsers reach its pages: `https://chat.example:8080`; empty if it serves none. */
  pages: string;
}

/** An answer with the status of a server. */
export interface StatusAnswer extends ServerStatus {
  /** The number of the request. */
  number: number;
}

const DRAINING = 1;
/** The room for all links and routes: bytes. The rest needs less than 5,000. */
const LIST_BYTES = 60_000;
/** The room for links: bytes. */
const LINKS_BYTES = 40_000;
/** The size of a link besides its address: bytes. */
const LINK_BYTES = 16 + 1 + 4 + 4 + 4 + 8 + 2;
/** The size of a route besides its address: bytes. */
const ROUTE_BYTES = 16 + 2 + 2 + 4 + 1;
const MAX_U32 = 0xffff_ffff;
const MAX_CODES = 255;

/** Writes the status of a server. Leaves out links and routes for which there is no room. */
export function writeServerStatus(out: FrameWriter, status: StatusAnswer, hops = 0): void {
  const { totals, queues, mailbox, memory } = status;
  out.begin(FrameType.Status, StatusKind.StatusAnswer, hops);
  out.u32(status.number);
  out.uuid(status.server);
  out.shortText(status.address);
  out.shortText(status.network);
  out.shortText(status.version);
  out.shortText(status.system);
  out.u64(status.uptimeMs);
  out.u8(status.isDraining ? DRAINING : 0);
  out.u32(status.users);
  out.u32(status.connections);
  for (const name of TOTALS) out.u64(totals[name]);
  out.u64(queues.outgoingBytes);
  out.u32(queues.inFlight);
  out.u32(mailbox.messages);
  out.u64(mailbox.bytes);
  out.u32(mailbox.recipients);
  out.u64(mailbox.oldestMs);
  out.u64(memory.rssBytes);
  out.u64(memory.heapBytes);
  const limits = status.limitsHit.slice(0, MAX_CODES);
  out.u8(limits.length);
  for (const { code, count } of limits) {
    out.u16(code);
    out.u64(count);
  }
  const { links, routes } = fitting(status);
  out.u16(links.length);
  for (const link of links) {
    out.uuid(link.server);
    out.shortText(link.address);
    out.u32(microseconds(link.rttMs));
    out.u32(microseconds(link.costMs));
    out.u32(Math.min(link.queuedBytes, MAX_U32));
    out.u64(link.upMs);
    out.u16(link.nextHopFor);
  }
  out.u16(routes.length);
  const index = new Map(links.map(({ server }, at) => [server, at]));
  for (const route of routes) {
    out.uuid(route.server);
    out.u16(index.get(route.nextHop)!);
    out.u16(route.hops);
    out.u32(microseconds(route.costMs));
    const isKnown = links[index.get(route.server) ?? -1]?.address === route.address;
    out.shortText(isKnown ? "" : route.address);
  }
  const leftOut = status.leftOut + status.links.length - links.length +
    status.routes.length - routes.length;
  out.u16(Math.min(leftOut, 0xffff));
  out.shortText(status.pages);
  out.end();
}

/**
 * Reads the status of a server. Ignores fields that newer versions append.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when the payload is no status.
 */
export function readServerStatus(payload: Uint8Array): StatusAnswer {
  const reader = new ByteReader(payload, "status");
  const head = {
    number: reader.u32(),
    server: reader.uuid(),
    address: reader.address(),
    network: reader.shortText(),
    version: reader.shortText(),
    system: reader.shortText(),
    uptimeMs: reader.u64(),
    isDraining: (reader.u8() & DRAINING) !== 0,
    users: reader.u32(),
    connections: reader.u32(),
  };
  const totals = readTotals(reader);
  const queues = { outgoingBytes: reader.u64(), inFlight: reader.u32() };
  const mailbox = {
    messages: reader.u32(),
    bytes: reader.u64(),
    recipients: reader.u32(),
    oldestMs: reader.u64(),
  };
  const memory = { rssBytes: reader.u64(), heapBytes: reader.u64() };
  const limitsHit: ServerStatus["limitsHit"] = [];
  for (let left = reader.u8(); left > 0; left--) {
    limitsHit.push({ code: reader.u16(), count: reader.u64() });
  }
  const links: LinkStatus[] = [];
  for (let left = reader.u16(); left > 0; left--) {
    links.push({
      server: reader.uuid(),
      address: reader.address(),
      rttMs: milliseconds(reader.u32()),
      costMs: milliseconds(reader.u32()),
      queuedBytes: reader.u32(),
      upMs: reader.u64(),
      nextHopFor: reader.u16(),
    });
  }
  const routes: RouteStatus[] = [];
  const addressOf = new Map(links.map(({ server, address }) => [server, address]));
  for (let left = reader.u16(); left > 0; left--) {
    const server = reader.uuid();
    const link = links[reader.u16()] ?? reader.fail("a route starts with an unknown link");
    const hops = reader.u16();
    const costMs = milliseconds(reader.u32());
    const text = reader.shortText();
    const address = text === "" ? addressOf.get(server) : canonicalAddress(text);
    if (address === undefined) reader.fail("a route leads to a server without an address");
    routes.push({ server, address: address!, nextHop: link.server, hops, costMs });
  }
  const leftOut = reader.u16();
  const pages = reader.left > 0 ? reader.shortText() : "";
  return { ...head, totals, queues, mailbox, limitsHit, links, routes, leftOut, memory, pages };
}

/** The counters, in the order of their fields. */
const TOTALS = [
  "messagesReceived",
  "messagesDelivered",
  "messagesForwarded",
  "messagesStored",
  "messagesRefused",
  "duplicates",
  "bytesRead",
  "bytesWritten",
  "requestsRefused",
] as const satisfies readonly (keyof StatusTotals)[];

function readTotals(reader: ByteReader): StatusTotals {
  return Object.fromEntries(TOTALS.map((name) => [name, reader.u64()])) as unknown as StatusTotals;
}

/** Returns the links for which there is room, and the routes that start with one of them. */
function fitting({ links, routes }: ServerStatus): Pick<ServerStatus, "links" | "routes"> {
  const some = firstOf(links, LINKS_BYTES, ({ address }) => LINK_BYTES + address.length);
  const addressOf = new Map(some.items.map(({ server, address }) => [server, address]));
  const { items } = firstOf(
    routes.filter(({ nextHop }) => addressOf.has(nextHop)),
    LIST_BYTES - some.bytes,
    ({ server, address }) => ROUTE_BYTES + (addressOf.get(server) === address ? 0 : address.length),
  );
  return { links: some.items, routes: items };
}

/** Returns as many of the first items as have room, and their size. */
function firstOf<Item>(
  items: readonly Item[],
  room: number,
  sizeOf: (item: Item) => number,
): { items: Item[]; bytes: number } {
  let bytes = 0;
  const end = items.findIndex((item) => {
    const size = sizeOf(item);
    if (bytes + size > room) return true;
    bytes += size;
    return false;
  });
  return { items: items.slice(0, end < 0 ? items.length : end), bytes };
}

/** Converts a time for the wire: microseconds, at least 1; 0 stands for a time that is not known. */
function microseconds(ms: number | undefined): number {
  return ms === undefined ? 0 : Math.min(Math.max(1, Math.round(ms * 1_000)), MAX_U32);
}

function milliseconds(us: number): number | undefined {
  return us === 0 ? undefined : us / 1_000;
}
