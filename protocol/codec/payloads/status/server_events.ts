/**
 * Payload of 10/3: what has happened at one server. Converts bytes to values and back.
 *
 * @module
 */
import { ByteReader } from "../../byte_reader.ts";
import { FrameType, StatusKind } from "../../frame.ts";
import { FrameWriter } from "../../frame_writer.ts";
import { shortenText } from "../../text.ts";
import { NIL_UUID } from "../../uuid.ts";

/** What has happened, without when. */
export type Happening =
  | {
    /** A user has registered. */
    kind: "joined";
    /** The name of the user. */
    user: string;
  }
  | {
    /** A user has left, or was removed. */
    kind: "left";
    /** The name of the user. */
    user: string;
    /** Why the server has removed the user; empty if the user has left. */
    reason: string;
  }
  | {
    /** The session of a user has moved to another server. */
    kind: "moved";
    /** The name of the user. */
    user: string;
    /** The id of the other server: a UUID. */
    server: string;
  }
  | {
    /** A link has come up, or has gone down. */
    kind: "linkUp" | "linkDown";
    /** The id of the server at the other end: a UUID. */
    server: string;
    /** The address of that server. */
    address: string;
  }
  | {
    /** The route to a server is another one now, or there is none any more. */
    kind: "routeChanged";
    /** The id of that server: a UUID. */
    server: string;
    /** The address of that server. */
    address: string;
    /** The id of the server at the other end of the link that the route starts with; `undefined` without a route. */
    nextHop: string | undefined;
    /** What its links count for together: milliseconds; `undefined` if it is not known. */
    costMs: number | undefined;
  }
  | {
    /** The server has refused a frame or a message. */
    kind: "refused";
    /** The name of the user, or the address or host, whose frame it was. */
    who: string;
    /** The code of the error. */
    code: number;
    /** The sentence of the error. */
    reason: string;
  }
  | {
    /** The server is about to leave. */
    kind: "draining";
  }
  | {
    /** A message, or a batch of them, has passed. Not all of them are recorded. */
    kind: "message";
    /** The id of the message: a UUID. */
    id: string;
    /** The name of its sender. */
    sender: string;
    /** The name of its recipient. */
    recipient: string;
    /** How many messages there are: more than one in a batch. */
    count: number;
    /** The size of their texts: bytes. */
    bytes: number;
    /** The id of the server from which it came; `undefined` if it came from its sender, or was stored here. */
    from: string | undefined;
    /** The id of the server to which it went; `undefined` if it went to its recipient, or was stored here. */
    to: string | undefined;
    /** How many links between servers it has crossed, without the next one. */
    hop: number;
  };

/** What has happened at a server, and when. */
export type ServerEvent = Happening & {
  /** The number of the event: 1 for the first one since the server started. */
  sequence: number;
  /** How long ago it was, when the server answered: milliseconds. */
  agoMs: number;
};

/** Events of one server. */
export interface EventsAnswer {
  /** The number of the request. */
  number: number;
  /** The id of the server: a UUID. */
  server: string;
  /** The sequence number with which to ask for what happens next. */
  next: number;
  /** How many events after the wanted one the server has forgotten. */
  lost: number;
  /** The events, the oldest first. Those of kinds that this version does not know are left out. */
  events: ServerEvent[];
}

/** The numbers of the kinds on the wire. The list is append-only. */
const KINDS = [
  "joined",
  "left",
  "moved",
  "linkUp",
  "linkDown",
  "routeChanged",
  "refused",
  "draining",
  "message",
] as const satisfies readonly ServerEvent["kind"][];

/** The most bytes of events in an answer. */
const MAX_EVENT_BYTES = 60_000;
const MAX_U32 = 0xffff_ffff;

/** Encodes what has happened. */
function encode(event: Happening): Uint8Array {
  const out = encoding;
  out.u8(KINDS.indexOf(event.kind));
  switch (event.kind) {
    case "joined":
      out.shortText(event.user);
      break;
    case "left":
      out.shortText(event.user);
      out.shortText(shortenText(event.reason));
      break;
    case "moved":
      out.shortText(event.user);
      out.uuid(event.server);
      break;
    case "linkUp":
    case "linkDown":
      out.uuid(event.server);
      out.shortText(event.address);
      break;
    case "routeChanged":
      out.uuid(event.server);
      out.shortText(event.address);
      out.uuid(event.nextHop ?? NIL_UUID);
      out.u32(event.costMs === undefined ? 0 : Math.min(Math.round(event.costMs * 1_000), MAX_U32));
      break;
    case "refused":
      out.shortText(shortenText(event.who));
      out.u16(event.code);
      out.shortText(shortenText(event.reason));
      break;
    case "draining":
      break;
    case "message":
      out.uuid(event.id);
      out.shortText(event.sender);
      out.shortText(event.recipient);
      out.u16(event.count);
      out.u32(event.bytes);
      out.uuid(event.from ?? NIL_UUID);
      out.uuid(event.to ?? NIL_UUID);
      out.u16(event.hop);
  }
  const taken = out.take();
  const bytes = taken.slice();
  out.recycle(taken);
  return bytes;
}

const encoding = new FrameWriter();

/**
 * Writes events, as many as fit into the frame. If not all fit, `next` becomes the number of the first one that does
 * not.
 */
export function writeServerEvents(out: FrameWriter, answer: EventsAnswer, hops = 0): void {
  let room = MAX_EVENT_BYTES;
  const encoded: Uint8Array[] = [];
  for (const event of answer.events) {
    const bytes = encode(event);
    room -= bytes.length + 14;
    if (room < 0) break;
    encoded.push(bytes);
  }
  out.begin(FrameType.Status, StatusKind.EventsAnswer, hops);
  out.u32(answer.number);
  out.uuid(answer.server);
  out.u64(answer.events[encoded.length]?.sequence ?? answer.next);
  out.u64(answer.lost);
  for (const [at, bytes] of encoded.entries()) {
    const { sequence, agoMs } = answer.events[at]!;
    out.u16(8 + 4 + bytes.length);
    out.u64(sequence);
    out.u32(Math.min(agoMs, MAX_U32));
    out.bytes(bytes);
  }
  out.end();
}

/**
 * Reads events. Leaves out those of unknown kinds, and ignores fields that newer versions append to an event.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} or {@linkcode ErrorCode.NameInvalid} when the payload
 *   contains no events.
 */
export function readServerEvents(payload: Uint8Array): EventsAnswer {
  const reader = new ByteReader(payload, "list of events");
  const head = {
    number: reader.u32(),
    server: reader.uuid(),
    next: reader.u64(),
    lost: reader.u64(),
  };
  const events: ServerEvent[] = [];
  while (reader.left > 0) {
    const event = readEvent(new ByteReader(reader.take(reader.u16()), "event"));
    if (event) events.push(event);
  }
  return { ...head, events };
}

function readEvent(reader: ByteReader): ServerEvent | undefined {
  const sequence = reader.u64();
  const agoMs = reader.u32();
  const happening = readHappening(reader);
  return happening && { sequence, agoMs, ...happening };
}

function readHappening(reader: ByteReader): Happening | undefined {
  const kind = KINDS[reader.u8()];
  switch (kind) {
    case "joined":
      return { kind, user: reader.name() };
    case "left":
      return { kind, user: reader.name(), reason: reader.shortText() };
    case "moved":
      return { kind, user: reader.name(), server: reader.uuid() };
    case "linkUp":
    case "linkDown":
      return { kind, server: reader.uuid(), address: reader.address() };
    case "routeChanged": {
      const server = reader.uuid();
      const address = reader.address();
      const nextHop = serverOf(reader.uuid());
      const us = reader.u32();
      return { kind, server, address, nextHop, costMs: us === 0 ? undefined : us / 1_000 };
    }
    case "refused":
      return {
        kind,
        who: reader.shortText(),
        code: reader.u16(),
        reason: reader.shortText(),
      };
    case "draining":
      return { kind };
    case "message":
      return {
        kind,
        id: reader.uuid(),
        sender: reader.name(),
        recipient: reader.name(),
        count: reader.u16(),
        bytes: reader.u32(),
        from: serverOf(reader.uuid()),
        to: serverOf(reader.uuid()),
        hop: reader.u16(),
      };
    case undefined:
      return undefined;
  }
}

/** Returns the id of a server; `undefined` for the nil UUID. */
function serverOf(id: string): string | undefined {
  return id === NIL_UUID ? undefined : id;
}
