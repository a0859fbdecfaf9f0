/**
 * Defines the frame: a header of six bytes and a payload. Owns the layout of the header, the registry of
 * types, and the only loop that finds frames in bytes. Does not know what payloads mean, and uses no sockets.
 *
 * @module
 */
import { ErrorCode, NetlabError, ProtocolError } from "./errors.ts";

/**
 * The size of the header of a frame: bytes. It has one byte of type, one of subtype, two of length and two
 * reserved.
 */
export const HEADER_BYTES = 6;

/** The size of the longest payload: bytes. The length field has two bytes. */
export const MAX_PAYLOAD_BYTES = 65_535;

/** Frame types. The list is append-only: 0 to 5 belong to the legacy programs, the others to netlab. */
export const FrameType = {
  /** Asks for information; the subtype says which. */
  InformationRequest: 0,
  /** Answers an information request. Without a request, subtype 1 announces a legacy server. */
  InformationResponse: 1,
  /** Registers a connection as a user or as a server. */
  Registration: 2,
  /** A user's message to another user. */
  Message: 3,
  /** The server returns the frame unchanged. */
  Echo: 4,
  /** Signs a user off, or asks a session to move. */
  Disconnect: 5,
  /** Reports what became of messages, or asks for such a report. */
  Receipt: 6,
  /** Reports an error; subtype 1 closes the connection. */
  Error: 7,
  /** Tells another server which users are registered where. */
  Presence: 8,
  /** Tells another server which servers are linked, and at what cost. */
  LinkState: 9,
  /** Asks any server for its status, its events or its users, through any other, and answers. */
  Status: 10,
  /** Frames of types 6, 8 and 9 that a server has signed, on a network with keys. */
  Statement: 11,
} as const;

/** One of the numbers in {@linkcode FrameType}. */
export type FrameType = typeof FrameType[keyof typeof FrameType];

/** Subtypes of {@linkcode FrameType.InformationRequest} and {@linkcode FrameType.InformationResponse}. */
export const Information = {
  /** The known servers. The answering server comes first. */
  Servers: 0,
  /** The known users. */
  Users: 1,
  /** The capabilities of the answering server. A legacy server sends an empty answer. */
  Capabilities: 2,
  /** All known servers, in as many frames as they need. The answering server comes first. */
  AllServers: 3,
  /** All known users, in as many frames as they need. */
  AllUsers: 4,
} as const;

/** Subtypes of {@linkcode FrameType.Registration}. */
export const Registration = {
  /** A user who receives text without frames, as legacy clients do. */
  LegacyUser: 1,
  /** A user who receives frames. */
  Session: 2,
  /** A server that asks for a link. */
  Peer: 3,
  /** The token of a party, which says who it is. On a network with keys, it comes before a registration. */
  Token: 4,
  /** A user who protects a name with a secret, and the answer. */
  Protect: 5,
  /** The key of a server, and the proof that it has it. On a network with keys, it comes between token and link. */
  ServerKey: 6,
} as const;

/** Subtypes of {@linkcode FrameType.Message}. */
export const MessageKind = {
  /** Not stored. The sender is notified only when delivery fails. */
  Ephemeral: 0,
  /** Stored until it is settled. The sender gets receipts. */
  Durable: 1,
  /**
   * A durable message between servers. It starts with the ids of the server that stores it and of its
   * destination.
   */
  Outbound: 2,
  /** An outbound message between servers. The destination stores it from now on. */
  HandedOff: 3,
  /** Several ephemeral messages in one frame. Sent only to parties that announced that they read batches. */
  Batch: 4,
} as const;

/** Subtypes of {@linkcode FrameType.Disconnect}. */
export const DisconnectKind = {
  /** The user leaves the network. */
  Leave: 0,
  /** The session has registered at another server and leaves this one. */
  Move: 1,
  /** A server that is about to leave asks the session to move to one of the listed servers. */
  MoveRequest: 2,
} as const;

/** Subtypes of {@linkcode FrameType.Receipt}. */
export const ReceiptKind = {
  /** Receipts for the sender of the messages, or acknowledgements from a recipient. */
  ToUser: 0,
  /** Receipts between servers for a user of another server. They follow the name of the user. */
  Relayed: 1,
  /** Receipts between servers for the server that stores the messages. */
  ToServer: 2,
  /** A query for the outcome of messages. */
  Query: 3,
} as const;

/** Subtypes of {@linkcode FrameType.Error}. */
export const ErrorKind = {
  /** The connection stays open. */
  Recoverable: 0,
  /** The sender closes the connection after this frame. */
  Fatal: 1,
} as const;

/** Subtypes of {@linkcode FrameType.Presence}. */
export const PresenceKind = {
  /** All users of one server. */
  Snapshot: 0,
  /** Users who joined or left one server. */
  Changes: 1,
  /** The versions that a server has. The server asks for snapshots of newer ones. */
  Digest: 2,
  /** Names that users have had. */
  Names: 3,
  /** Asks the server of a user for a sign of life of that user, because another one asks for the name. */
  Claim: 4,
  /** Answers a claim: the user is alive and keeps the name. */
  Held: 5,
  /** The clock of the sender, with which the receiver converts times in user records. */
  Clock: 6,
  /** Names that are protected by a secret. */
  Protected: 7,
  /** The servers of which the sender needs no presence from the receiver, because it gets it from others. */
  Unneeded: 8,
} as const;

/** Subtypes of {@linkcode FrameType.LinkState}. */
export const LinkStateKind = {
  /** The links of one server. */
  Links: 0,
  /** An empty frame that shows that the sender is alive. */
  Heartbeat: 1,
} as const;

/** Subtypes of {@linkcode FrameType.Status}. */
export const StatusKind = {
  /** Asks for the status of a server. */
  StatusRequest: 0,
  /** The status of a server. */
  StatusAnswer: 1,
  /** Asks for the events of a server. */
  EventsRequest: 2,
  /** Events of a server. */
  EventsAnswer: 3,
  /** Asks for the users of a server, or for those that it knows. */
  UsersRequest: 4,
  /** Users of a server, or those that it knows. */
  UsersAnswer: 5,
  /** Says why a request could not be answered. */
  Failure: 6,
} as const;

/** Subtypes of {@linkcode FrameType.Statement}. */
export const StatementKind = {
  /** For all servers: presence, or a link state. */
  ForAll: 0,
  /** For one server: receipts, claims and their answers. */
  ForOne: 1,
} as const;

/**
 * One frame, as a range of a buffer. A reader reuses one object for all frames, so a frame is valid only
 * until the function that received it returns. {@linkcode Frame.copy} makes a frame that stays valid.
 */
export class Frame {
  /** One of {@linkcode FrameType}, or an unknown type: 0 to 255. */
  type = 0;
  /** The subtype: 0 to 255. Its meaning depends on the type. */
  subtype = 0;
  /**
   * The last two bytes of the header: the hop count of a message between servers, and usually 0 in other
   * frames.
   */
  reserved = 0;
  /** The buffer that contains the frame. */
  bytes: Uint8Array = EMPTY;
  /** The start of the payload in {@linkcode Frame.bytes}. The header is before it. */
  start = 0;
  /** The end of the payload in {@linkcode Frame.bytes}. */
  end = 0;

  /** A view of the payload. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }

  /** Copies the frame and its header into a new buffer. */
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
 * Handles any number of whole frames in `bytes` from `start` to `end`. It may overwrite the frames that it
 * handles. Returns the start of the first frame that it did not handle.
 */
export type FrameRun = (bytes: Uint8Array, start: number, end: number) => number;

/**
 * Passes every whole frame in `bytes` from `start` to `end` to `visit`. Does not copy the frames.
 *
 * @param maxPayloadBytes The longest accepted payload: 0 to 65,535 bytes.
 * @param frame The object that is filled for each frame and passed to `visit`.
 * @param visit Returns `true` to stop after this frame.
 * @param run Called before each frame. `visit` gets the frames that `run` does not handle.
 * @returns The start of the first frame that is incomplete or comes after a stop; `end` if there is none.
 * @throws {ProtocolError} {@linkcode ErrorCode.FrameTooLong} when a header announces a longer payload, even
 *   if the payload has not arrived yet.
 */
export function readFrames(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxPayloadBytes: number,
  frame: Frame,
  visit: (frame: Frame) => unknown,
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
    if (next > end) {
      refuseTls(bytes[at]!, bytes[at + 1]!);
      break;
    }
    frame.type = bytes[at]!;
    frame.subtype = bytes[at + 1]!;
    frame.reserved = (bytes[at + 4]! << 8) | bytes[at + 5]!;
    frame.bytes = bytes;
    frame.start = at + HEADER_BYTES;
    frame.end = next;
    at = next;
    if (visit(frame) === true) break;
  }
  return at;
}

/** The first bytes of TLS records: the type of the record, and the higher half of its version. */
const TLS = { alert: 0x15, handshake: 0x16, version: 3 };

/**
 * Checks that the header of a frame is not the beginning of a TLS record. {@linkcode readFrames} checks incomplete
 * frames: a reader would wait for the rest of a frame that seems to be longer than the record is. Whoever does not
 * know the type of a whole frame checks that one.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.TlsFailed} when it is.
 */
export function refuseTls(type: number, subtype: number): void {
  if (subtype !== TLS.version) return;
  if (type === TLS.alert) {
    throw new ProtocolError(
      ErrorCode.TlsFailed,
      "Cannot use this connection: the server requires TLS; begin its address with tls://",
      { fatal: true },
    );
  }
  if (type === TLS.handshake) {
    throw new ProtocolError(
      ErrorCode.TlsFailed,
      "Cannot use this connection: this server does not use TLS; leave out tls:// before its address",
      { fatal: true },
    );
  }
}

/** Makes the error for a payload that is too long for a frame. `bytes` is its size. */
export function payloadTooLong(bytes: number): NetlabError {
  return new NetlabError(
    ErrorCode.TextTooLong,
    `Cannot send ${bytes} bytes in one frame: the limit is ${MAX_PAYLOAD_BYTES}`,
  );
}
