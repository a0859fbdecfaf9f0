/**
 * The errors of netlab: what may go wrong, as numbers that travel in error and receipt frames.
 * Knows nothing of frames or sockets.
 *
 * @module
 */

/** What went wrong, as a number that a program can read. Append only: numbers are never reused. */
export const ErrorCode = {
  /** A payload does not have the layout of its type. */
  Malformed: 1,
  /** A frame announces more bytes than this reader takes. */
  FrameTooLong: 2,
  /** The frame type or subtype is not known here. */
  UnknownType: 3,
  /** The connection must register before it may send this. */
  NotRegistered: 4,
  /** The connection has registered already. */
  AlreadyRegistered: 5,
  /** Another session holds this user name. */
  NameTaken: 6,
  /** A user name is empty, too long, or holds characters that names may not hold. */
  NameInvalid: 7,
  /** The sender in a message is not the name that its connection registered. */
  SenderMismatch: 8,
  /** Nobody of this name is on the network. */
  NoSuchUser: 9,
  /** The text does not fit into a frame. */
  TextTooLong: 10,
  /** A message went over more servers than it may. */
  TooManyHops: 11,
  /** The recipient reads more slowly than messages come in. */
  RecipientBusy: 12,
  /** The server is going away. */
  ServerClosing: 13,
  /** The connection broke, or was not made. */
  ConnectionLost: 14,
  /** The other side did not answer in time. */
  TimedOut: 15,
  /** This side reads more slowly than the other side writes, and was cut off. */
  TooSlow: 16,
  /** The other side does not speak this protocol, or not the part that is needed. */
  Unsupported: 17,
  /** This end was closed while the work was under way. */
  Closed: 18,
  /** Another connection has taken the place of this one. */
  Replaced: 19,
  /** So many messages wait for the recipient that no more are kept. */
  MailboxFull: 20,
  /** The server cannot keep messages: its disk is full, or cannot be written. */
  StorageFailed: 21,
  /**
   * No error: in a receipt that says delivered, the message was handed to a legacy server or client, and
   * those confirm nothing.
   */
  Unconfirmed: 22,
} as const;

/** One of the numbers in {@linkcode ErrorCode}. */
export type ErrorCode = typeof ErrorCode[keyof typeof ErrorCode];

/** What {@linkcode NetlabError} takes besides its code and its sentence. */
export interface NetlabErrorOptions extends ErrorOptions {
  /**
   * Whether the connection that it concerns is at its end.
   *
   * @default {false}
   */
  fatal?: boolean;
}

/**
 * An error of netlab's own: a sentence for people and a code for programs.
 *
 * @example
 * ```ts
 * import { ErrorCode, NetlabError } from "@netlab/protocol";
 *
 * const error = new NetlabError(ErrorCode.NoSuchUser, "Cannot deliver to Bob: nobody has that name");
 * if (error.code === ErrorCode.NoSuchUser) error.message; // tell the user
 * ```
 */
export class NetlabError extends Error {
  /** `NetlabError`, or the name of the subclass. */
  override name = "NetlabError";
  /** A number of {@linkcode ErrorCode}; an unknown one when a newer party sent it. */
  readonly code: number;
  /** Whether the connection that it concerns is at its end. */
  readonly fatal: boolean;

  /** An error with `code`, told to people as `message`. */
  constructor(code: number, message: string, options: NetlabErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.fatal = options.fatal ?? false;
  }
}

/** Bytes came in that break the protocol. The sentence says which rule, the code which kind. */
export class ProtocolError extends NetlabError {
  /** `ProtocolError`. */
  override name = "ProtocolError";
}
