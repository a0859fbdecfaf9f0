/**
 * Defines the errors of netlab and their codes, which are sent in error frames and receipts. Does not depend
 * on frames or sockets.
 *
 * @module
 */

/** Error codes for programs. The list is append-only: a number is never reused. */
export const ErrorCode = {
  /** A payload does not have the layout of its frame type. */
  Malformed: 1,
  /** A frame is longer than the reader accepts. */
  FrameTooLong: 2,
  /** The receiver does not know the frame type or subtype. */
  UnknownType: 3,
  /** The connection must register before it may send such a frame. */
  NotRegistered: 4,
  /** The connection is already registered. */
  AlreadyRegistered: 5,
  /** Another session holds this user name. */
  NameTaken: 6,
  /** A user name is empty, too long, or contains characters that are not allowed. */
  NameInvalid: 7,
  /** The sender of a message is not the user that its connection registered. */
  SenderMismatch: 8,
  /** No user of this name is on the network. */
  NoSuchUser: 9,
  /** A text or payload does not fit into a frame. */
  TextTooLong: 10,
  /** A message was forwarded more often than allowed. */
  TooManyHops: 11,
  /** The recipient reads messages more slowly than they arrive. */
  RecipientBusy: 12,
  /** The server is shutting down. */
  ServerClosing: 13,
  /** The connection failed, or could not be opened. */
  ConnectionLost: 14,
  /** The other side did not answer in time. */
  TimedOut: 15,
  /** One side read more slowly than the other side wrote, and was disconnected. */
  TooSlow: 16,
  /** The other side does not support the protocol, or the required part of it. */
  Unsupported: 17,
  /** This side was closed during the operation. */
  Closed: 18,
  /** Another connection of the same session replaced this one. */
  Replaced: 19,
  /** The server stores as many messages or bytes for the recipient as it may. */
  MailboxFull: 20,
  /** The server cannot store messages: its disk is full or not writable, or its data folder was removed. */
  StorageFailed: 21,
  /**
   * Not an error. In a receipt with the state delivered, it means that the message was sent to a legacy
   * server or client, which does not confirm messages.
   */
  Unconfirmed: 22,
  /** The other party belongs to another network. */
  OtherNetwork: 23,
  /** The server stores as many messages or bytes as it may in all. */
  StorageFull: 24,
  /** The sender has used up one sender's share of what the server stores. */
  ShareUsedUp: 25,
  /** The server stores messages for as many recipients as it may. */
  TooManyRecipients: 26,
  /** The server stores messages for as many names that nobody has ever used as it may. */
  TooManyUnknownNames: 27,
  /**
   * The message was passed on without being stored. In a receipt with the state delivered, this is not an
   * error. Otherwise, nobody has confirmed the message: it may have arrived. A client reports the same when a
   * message is refused that it had sent before its connection was lost.
   */
  NotStored: 28,
  /**
   * Not an error. In a receipt with the state accepted, it means that nobody with the recipient's name has
   * been seen.
   */
  UnknownRecipient: 29,
  /** The network has keys, and this connection has sent no token. */
  TokenRequired: 30,
  /** The token is malformed, its signature is wrong, or the server does not know its key. */
  TokenInvalid: 31,
  /** The token has expired. */
  TokenExpired: 32,
  /** The token is for another network. */
  TokenForOtherNetwork: 33,
  /** The token is for another user than the one that registers. */
  TokenForOtherName: 34,
  /** The token, or every token of its holder, has been revoked. */
  TokenRevoked: 35,
  /** The role in the token does not permit this. */
  NotPermitted: 36,
  /** The name is protected by a secret, which the user did not prove to know. */
  NameProtected: 37,
  /** The server has as many connections of this kind, or from this host, as it may. */
  TooManyConnections: 38,
  /** The connection has sent too many frames without registering. */
  TooManyFrames: 39,
  /** The two servers have a link already, and it works. */
  AlreadyLinked: 41,
  /** The server has as many links as it may. */
  TooManyLinks: 42,
  /** The token has no signature: its algorithm is `none`. */
  TokenUnsigned: 43,
  /** The token is signed with another algorithm than its key is for. */
  TokenAlgorithm: 44,
  /** The token is not valid yet. */
  TokenNotYetValid: 45,
  /** The token lacks a claim, or a claim is not what it must be. */
  TokenIncomplete: 46,
  /** The token is longer than 8 KiB. */
  TokenTooLong: 47,
  /** The token was not sent, because the connection is not encrypted. */
  NotEncrypted: 48,
  /** The server takes no legacy programs. */
  LegacyRefused: 49,
  /**
   * The parties cannot use TLS with each other: a certificate is not trusted or cannot be used, or only one of
   * them uses TLS.
   */
  TlsFailed: 50,
  /** No route leads to the server that a request is for, or it did not answer in time. */
  ServerUnreachable: 51,
  /** More requests arrive than the server answers. */
  TooManyRequests: 52,
  /** The network has keys, and a server did not prove its key, or did not sign what it says. */
  SignatureRequired: 53,
  /** A signature is wrong, or it was made with another key than it must be. */
  SignatureInvalid: 54,
  /**
   * The server cannot reach what connects the servers and stores their messages, NATS: it registers nobody and
   * stores nothing until it can.
   */
  NetworkUnreachable: 57,
} as const;

/** One of the numbers in {@linkcode ErrorCode}. */
export type ErrorCode = typeof ErrorCode[keyof typeof ErrorCode];

/** Options of a {@linkcode NetlabError}. */
export interface NetlabErrorOptions extends ErrorOptions {
  /**
   * Whether the error ends the connection.
   *
   * @default {false}
   */
  fatal?: boolean;
}

/**
 * An error of netlab, with a message for people and a code for programs.
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
  /** One of {@linkcode ErrorCode}, or an unknown code from a newer version. */
  readonly code: number;
  /** Whether the error ends the connection. */
  readonly fatal: boolean;

  /** Creates an error with `code` for programs and `message` for people. */
  constructor(code: number, message: string, options: NetlabErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.fatal = options.fatal ?? false;
  }
}

/** Thrown when the other side breaks the protocol. The message says how. */
export class ProtocolError extends NetlabError {
  /** `ProtocolError`. */
  override name = "ProtocolError";
}
