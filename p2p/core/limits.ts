/**
 * The limits of a server and of a client, in one table: what is limited, to how much, and what happens
 * beyond it. The server programs take their flags from it, and `docs/limits.md` shows it. Only numbers and
 * texts: the code that enforces a limit imports its number.
 *
 * @module
 */
import { ErrorCode, MAX_TOKEN_BYTES } from "@netlab/protocol/codec";

/** One limit. */
export interface Limit {
  /** What is limited. */
  readonly what: string;
  /** The number, unless a flag changes it. */
  readonly default: number;
  /** What the number counts. */
  readonly unit:
    | "messages"
    | "bytes"
    | "days"
    | "names"
    | "addresses"
    | "servers"
    | "receipts"
    | "handshakes"
    | "connections"
    | "frames"
    | "seconds"
    | "tokens"
    | "requests"
    | "events"
    | "%";
  /** The largest number that the flag takes. */
  readonly max?: number;
  /** The flag of the server programs that changes it, without dashes. */
  readonly flag?: string;
  /** The code of the error that says that the limit was hit. */
  readonly code?: ErrorCode;
  /** What happens beyond the limit. */
  readonly beyond: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;

const NOT_STORED = "refused; passed on without being stored if the recipient is connected";

/** All limits. Those with a flag have the same names in `ServerLimits`. */
export const LIMITS = {
  maxMessages: {
    what: "Messages stored for one user",
    default: 1_000,
    unit: "messages",
    flag: "max-messages",
    code: ErrorCode.MailboxFull,
    beyond:
      "refused; if the recipient is connected and takes messages, the sender waits for room instead",
  },
  maxBytes: {
    what: "Bytes of messages stored for one user",
    default: 16 * MIB,
    unit: "bytes",
    flag: "max-bytes",
    code: ErrorCode.MailboxFull,
    beyond:
      "refused; if the recipient is connected and takes messages, the sender waits for room instead",
  },
  maxTotalMessages: {
    what: "Messages stored for all users together",
    default: 1_000_000,
    unit: "messages",
    flag: "max-total-messages",
    code: ErrorCode.StorageFull,
    beyond: NOT_STORED,
  },
  maxMemoryBytes: {
    what: "Bytes of messages in memory",
    default: 256 * MIB,
    unit: "bytes",
    flag: "max-memory-bytes",
    code: ErrorCode.StorageFull,
    beyond: `with --data, waiting messages are on disk only; without, ${NOT_STORED}`,
  },
  maxDiskBytes: {
    what: "Bytes of messages stored in the data folder",
    default: 4_096 * MIB,
    unit: "bytes",
    flag: "max-disk-bytes",
    code: ErrorCode.StorageFull,
    beyond: NOT_STORED,
  },
  maxRecipients: {
    what: "Users for whom messages are stored",
    default: 100_000,
    unit: "names",
    flag: "max-recipients",
    code: ErrorCode.TooManyRecipients,
    beyond: NOT_STORED,
  },
  maxUnknownNames: {
    what: "Names that nobody has ever used for which messages are stored",
    default: 1_000,
    unit: "names",
    flag: "max-unknown-names",
    code: ErrorCode.TooManyUnknownNames,
    beyond: "refused",
  },
  maxSenderPercent: {
    what: "The share of each total above that one sender may use",
    default: 25,
    unit: "%",
    max: 100,
    flag: "max-sender-percent",
    code: ErrorCode.ShareUsedUp,
    beyond: NOT_STORED,
  },
  maxDays: {
    what: "Days for which a message is stored",
    default: 7,
    unit: "days",
    max: 36_500,
    flag: "max-days",
    beyond: "expires, and its sender is told",
  },
  transientBytes: {
    what: "Bytes of messages that are passed on without being stored, at one time",
    default: 64 * MIB,
    unit: "bytes",
    beyond: "refused with the code of the limit that keeps them from being stored",
  },
  seenNames: {
    what: "Names that a server remembers as used",
    default: 100_000,
    unit: "names",
    beyond: "the name that was not seen for longest counts as never used",
  },
  sharedNames: {
    what: "Names that a server tells a new peer",
    default: 10_000,
    unit: "names",
    beyond: "the newest are told",
  },
  protectedNames: {
    what: "Names that are protected by a secret",
    default: 10_000,
    unit: "names",
    code: ErrorCode.StorageFull,
    beyond: "not protected, and the user is told; other servers fill half of this",
  },
  unacknowledged: {
    what: "Messages of other servers that one user has not acknowledged",
    default: 10_000,
    unit: "messages",
    beyond: "wait at the server that stores them",
  },
  pendingReceipts: {
    what: "Receipts for senders who are away, kept for up to a day",
    default: 100_000,
    unit: "receipts",
    beyond: "those for the sender who has been away for longest are dropped; a client queries them",
  },
  servers: {
    what: "Servers whose links and users a server knows",
    default: 1_000,
    unit: "servers",
    beyond: "further ones are ignored",
  },
  maxRemoteUsers: {
    what: "Users of other servers that a server knows",
    default: 1_000_000,
    unit: "names",
    flag: "max-remote-users",
    beyond: "further ones are ignored",
  },
  usersOfServer: {
    what: "Of these, users of one server",
    default: 250_000,
    unit: "names",
    beyond: "further ones are ignored",
  },
  signedListBytes: {
    what: "On a network with keys, bytes of signed lists of users of other servers",
    default: 256 * MIB,
    unit: "bytes",
    beyond: "further ones are ignored",
  },
  linksOfServer: {
    what: "Links of another server that a server knows",
    default: 1_000,
    unit: "servers",
    beyond: "all of them are ignored",
  },
  ownLinks: {
    what: "Links with which a server looks for no more by itself",
    default: 16,
    unit: "servers",
    flag: "own-links",
    beyond:
      "further servers are reached over these; those named with --peer are linked all the same",
  },
  links: {
    what: "Links of a server to others",
    default: 500,
    unit: "servers",
    code: ErrorCode.TooManyLinks,
    beyond: "further servers are refused; this server may still link with those that it dials",
  },
  addresses: {
    what: "Addresses of servers that a server knows",
    default: 1_000,
    unit: "addresses",
    beyond: "further ones are ignored; that of a linked server takes the place of another",
  },
  namedAddresses: {
    what: "Of these, addresses that one host has named and at which no server was found yet",
    default: 250,
    unit: "addresses",
    beyond: "further ones are ignored",
  },
  dials: {
    what: "Learned addresses that a server begins to dial in a quarter of a second",
    default: 8,
    unit: "addresses",
    beyond: "wait for their turn",
  },
  openDials: {
    what: "Learned addresses that a server dials at one time",
    default: 64,
    unit: "addresses",
    beyond: "wait for their turn",
  },
  openUnprovenDials: {
    what: "Of these, addresses at which no server was found yet",
    default: 16,
    unit: "addresses",
    beyond: "wait for their turn",
  },
  dialsPerHost: {
    what: "Of these, addresses on one host",
    default: 4,
    unit: "addresses",
    beyond: "wait for their turn",
  },
  failedDials: {
    what: "Dials of such addresses that may fail in a row; one more may each second",
    default: 64,
    unit: "addresses",
    beyond: "wait for their turn",
  },
  handshakes: {
    what: "TLS handshakes that clients have not finished, each for up to five seconds",
    default: 256,
    unit: "handshakes",
    beyond: "the oldest one ends",
  },
  handshakesPerHost: {
    what: "Of these, handshakes of one other host",
    default: 64,
    unit: "handshakes",
    beyond: "the oldest one of that host ends",
  },
  maxLegacyBytes: {
    what: "Bytes of messages that wait for one legacy server",
    default: 8 * MIB,
    unit: "bytes",
    flag: "max-legacy-bytes",
    beyond: "not delivered, and their senders are told",
  },
  maxConnectionsPerHost: {
    what: "Connections from one other host",
    default: 1_000,
    unit: "connections",
    flag: "max-connections-per-host",
    code: ErrorCode.TooManyConnections,
    beyond: "refused; programs on the server's own machine are not limited",
  },
  maxUnregistered: {
    what: "Connections that have not registered",
    default: 10_000,
    unit: "connections",
    flag: "max-unregistered",
    code: ErrorCode.TooManyConnections,
    beyond:
      "the one that was silent for longest is closed, or the new one if none was for a second",
  },
  unregisteredFrames: {
    what: "Frames of a connection that has not registered; each second allows 100 more",
    default: 1_000,
    unit: "frames",
    code: ErrorCode.TooManyFrames,
    beyond: "the connection is closed",
  },
  maxOutgoingBytes: {
    what: "Bytes of memory for what waits to be sent on all connections",
    default: 256 * MIB,
    unit: "bytes",
    flag: "max-outgoing-bytes",
    code: ErrorCode.TooSlow,
    beyond:
      "connections are closed, those first for which most waits, and links between servers last",
  },
  outgoing: {
    what: "Bytes that wait to be sent on one connection",
    default: 16 * MIB,
    unit: "bytes",
    code: ErrorCode.TooSlow,
    beyond: "the connection is closed",
  },
  unregisteredReplies: {
    what: "Bytes of replies that wait for a connection that has not registered",
    default: 64 * KIB,
    unit: "bytes",
    beyond: "nothing more is read from it until it has read them",
  },
  userReplies: {
    what: "Bytes of replies and receipts that wait for a user who asked for them",
    default: MIB,
    unit: "bytes",
    beyond: "nothing more is read from the user until they have read them",
  },
  unreadSeconds: {
    what: "Seconds for which a connection from which nothing more is read may read nothing",
    default: 30,
    unit: "seconds",
    code: ErrorCode.TooSlow,
    beyond: "the connection is closed",
  },
  unregisteredSeconds: {
    what: "Seconds between two requests of a connection that has not registered",
    default: 60,
    unit: "seconds",
    beyond: "the connection is closed",
  },
  tokenBytes: {
    what: "Bytes of a token",
    default: MAX_TOKEN_BYTES,
    unit: "bytes",
    code: ErrorCode.TokenTooLong,
    beyond: "refused",
  },
  verifications: {
    what: "Tokens that a server checks at one time",
    default: 64,
    unit: "tokens",
    code: ErrorCode.TimedOut,
    beyond: "refused; the party tries again",
  },
  strangerEchoBytes: {
    what: "Bytes of an echo from a party without a token, on a network with keys",
    default: 64,
    unit: "bytes",
    code: ErrorCode.TokenRequired,
    beyond: "refused",
  },
  statusRequests: {
    what: "Requests for status, events and users of one connection in a second",
    default: 500,
    unit: "requests",
    code: ErrorCode.TooManyRequests,
    beyond: "refused",
  },
  waitingRequests: {
    what: "Such requests that wait for the answer of another server, for up to two seconds",
    default: 4_096,
    unit: "requests",
    code: ErrorCode.TooManyRequests,
    beyond: "refused",
  },
  waitingRequestsOfOne: {
    what: "Of these, requests of one connection",
    default: 512,
    unit: "requests",
    code: ErrorCode.TooManyRequests,
    beyond: "refused",
  },
  events: {
    what: "Events that a server keeps for those who watch it",
    default: 1_024,
    unit: "events",
    beyond: "the oldest are forgotten, and who asks for them is told how many",
  },
  metUsers: {
    what: "Users whom a conversation at the terminal remembers",
    default: 1_000,
    unit: "names",
    beyond: "the one who was silent for longest is forgotten",
  },
} as const satisfies Record<string, Limit>;

/** The names of the limits in {@linkcode LIMITS} that a flag changes. */
export type FlaggedLimit = {
  [Name in keyof typeof LIMITS]: typeof LIMITS[Name] extends { readonly flag: string } ? Name
    : never;
}[keyof typeof LIMITS];
