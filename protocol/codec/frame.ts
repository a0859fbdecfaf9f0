/**
 * The frame: six bytes of header and a payload. Owns the header's layout, the registry of types,
 * and the one loop that finds frames in bytes. Knows nothing of what payloads mean, nor of sockets.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "./errors.ts";

/** Length of a frame's header: type, subtype, two bytes of length, two reserved. */
export const HEADER_BYTES = 6;

/** Longest payload: the length field has two bytes. */
export const MAX_PAYLOAD_BYTES = 65_535;

/** Frame types. Append only: 0 to 5 are those of the legacy programs, the rest came with netlab. */
export const FrameType = {
  /** Asks for information; the subtype says which. */
  InformationRequest: 0,
  /** Answers an information request; unasked, subtype 1 announces a legacy server. */
  InformationResponse: 1,
  /** Registers a connection as a user or as a server. */
  Registration: 2,
  /** A user's message to another user. */
  Message: 3,
  /** Comes back as it was sent. */
  Echo: 4,
  /** A user signs off. */
  Disconnect: 5,
  /** What became of messages. */
  Receipt: 6,
  /** Something went wrong; subtype 1 closes the connection. */
  Error: 7,
  /** Between servers: which users are where. */
  Presence: 8,
  /** Between servers: who is linked to whom, at what cost. */
  LinkState: 9,
} as const;

/** One of the numbers in {@linkcode FrameType}. */
export type FrameType = typeof FrameType[keyof typeof FrameType];

/** Subtypes of {@linkcode FrameType.InformationRequest} and of its response. */
export const Information = {
  /** The servers that are known, the answering one first. */
  Servers: 0,
  /** The users that are known. */
  Users: 1,
  /** What the answering party can do; a legacy server answers with nothing. */
  Capabilities: 2,
} as const;

/** Subtypes of {@linkcode FrameType.Registration}. */
export const Registration = {
  /** A user who reads bare text: every legacy client. */
  LegacyUser: 1,
  /** A user who reads frames. */
  Session: 2,
  /** A server, for a lasting link. */
  Peer: 3,
} as const;

/** Subtypes of {@linkcode FrameType.Message}. */
export const MessageKind = {
  /** The sender hears of it only when it fails. */
  Ephemeral: 0,
  /** The sender wants receipts: the server keeps the message until its story has ended. */
  Durable: 1,
  /** Between servers: where it is kept and where it goes stand in front. */
  Outbound: 2,
  /** Between servers: the same, and the server that it goes to is to keep it from now on. */
  HandedOff: 3,
  /** Many messages of type 3/0 in one frame: only to who said that they read them. */
  Batch: 4,
} as const;

/** Subtypes of {@linkcode FrameType.Disconnect}. */
export const DisconnectKind = {
  /** The user leaves the network. */
  Leaves: 0,
  /** The session has registered at another server, and leaves this one once this one knows. */
  Moves: 1,
  /** From the server, which is about to leave: the session is to move, and where to. */
  PleaseMove: 2,
} as const;

/** Subtypes of {@linkcode FrameType.Receipt}. */
export const ReceiptKind = {
  /** To the sender's own connection. */
  ToUser: 0,
  /** Between servers: the user it is for stands in front. */
  Relayed: 1,
  /** Between servers: about kept messages, to the server that keeps them. */
  ToServer: 2,
  /** Asks what became of messages whose sender did not hear how their story ended. */
  Query: 3,
} as const;

/** Subtypes of {@linkcode FrameType.Error}. */
export const ErrorKind = {
  /** The connection goes on. */
  Recoverable: 0,
  /** The connection is closed behind it. */
  Fatal: 1,
} as const;

/** Subtypes of {@linkcode FrameType.Presence}. */
export const PresenceKind = {
  /** All users of one server. */
  Snapshot: 0,
  /** Who came to one server and who left it. */
  Changes: 1,
  /** Which versions the asking server has: newer snapshots are wanted. */
  Digest: 2,
} as const;

/** Subtypes of {@linkcode FrameType.LinkState}. */
export const LinkStateKind = {
  /** The links of one server. */
  Links: 0,
  /** Nothing but a sign of life. */
  Alive: 1,
} as const;

/**
 * One frame, where it lies in a buffer. A reader hands out the same object for every frame: it is
 * valid until the call that it was given to returns. {@linkcode Frame.copy} makes one that lasts.
 */
export class Frame {
  /** A number of {@linkcode FrameType}, or one that is not known here. */
  type = 0;
  /** What kind of its type. */
  subtype = 0;
  /** The header's last two bytes: a message's hop count between servers, 0 everywhere else. */
  reserved = 0;
  /** The buffer in which the payload lies. */
  bytes: Uint8Array = EMPTY;
  /** Where the payload starts in {@linkcode Frame.bytes}; the header lies before it. */
  start = 0;
  /** Where the payload ends. */
  end = 0;

  /** The payload, as a view of the buffer. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }

  /** A frame of its own with its own bytes, header included. */
  copy(): Frame {
    const frame = new Frame();
    frame.type = this.type;
    frame.subtype = this.subtype;
    frame.reserved = this.reserved;
    frame.bytes = this.bytes.slice(this.start - HEADER_BYTES, this.end);
    frame.start = HEADER_BYTES;
    frame.end = frame.bytes.length;
    return frame;
  }
}

const EMPTY = new Uint8Array(0);

/**
 * Takes whole frames from `bytes`, where they lie from `start` to `end`: as many as it likes, none at
 * all included. What it takes it may write over. Returns where the first begins that it leaves to others.
 */
export type FrameRun = (bytes: Uint8Array, start: number, end: number) => number;

/**
 * Finds the whole frames in `bytes` from `start` to `end`, hands each to `visit`, and returns where
 * the first incomplete one begins (`end` when nothing is left over). Copies nothing.
 *
 * @param frame The object that is filled for every frame and handed to `visit`.
 * @param maxPayloadBytes The longest payload that is taken, 0 to 65,535.
 * @param run Is offered the bytes before each frame; `visit` gets what it leaves.
 * @throws {ProtocolError} {@linkcode ErrorCode.FrameTooLong} when a header announces more than that,
 *   whether or not its payload is there.
 */
export function readFrames(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxPayloadBytes: number,
  frame: Frame,
  visit: (frame: Frame) => void,
  run?: FrameRun,
): number {
  let at = start;
  for (;;) {
    if (run !== undefined) at = run(bytes, at, end);
    if (end - at < HEADER_BYTES) break;
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (length > maxPayloadBytes) {
      throw new ProtocolError(
        ErrorCode.FrameTooLong,
        `Cannot read a frame of ${length} bytes: the limit here is ${maxPayloadBytes}`,
        { fatal: true },
      );
    }
    const next = at + HEADER_BYTES + length;
    if (next > end) break;
    frame.type = bytes[at]!;
    frame.subtype = bytes[at + 1]!;
    frame.reserved = (bytes[at + 4]! << 8) | bytes[at + 5]!;
    frame.bytes = bytes;
    frame.start = at + HEADER_BYTES;
    frame.end = next;
    at = next;
    visit(frame);
  }
  return at;
}

/** The error for who wants to send a payload of so many bytes, which is more than a frame holds. */
export function payloadTooLong(bytes: number): NetlabError {
  return new NetlabError(
    ErrorCode.TextTooLong,
    `Cannot send ${bytes} bytes in one frame: the limit is ${MAX_PAYLOAD_BYTES}`,
  );
}
