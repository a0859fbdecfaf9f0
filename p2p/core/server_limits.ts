/**
 * The limits that a server is given, and the defaults of those that it is not given.
 *
 * @module
 */
import { LIMITS } from "./limits.ts";

const DAY_MS = 24 * 3_600_000;

/** Limits on what a server stores, and on what it remembers for others. */
export interface MailboxLimits {
  /**
   * The most users of other servers that the server knows.
   *
   * @default {1000000}
   */
  maxRemoteUsers?: number;
  /**
   * The most bytes of messages that wait for one legacy server.
   *
   * @default {8388608}
   */
  maxLegacyBytes?: number;
  /**
   * The most messages that are stored for one user.
   *
   * @default {1000}
   */
  maxMessages?: number;
  /**
   * The most bytes of messages that are stored for one user.
   *
   * @default {16777216}
   */
  maxBytes?: number;
  /**
   * The most messages that are stored for all users together.
   *
   * @default {1000000}
   */
  maxTotalMessages?: number;
  /**
   * The most bytes of messages in memory. A server with a data folder moves waiting messages to disk.
   *
   * @default {268435456}
   */
  maxMemoryBytes?: number;
  /**
   * The most bytes of messages in the data folder.
   *
   * @default {4294967296}
   */
  maxDiskBytes?: number;
  /**
   * The most users for whom messages are stored.
   *
   * @default {100000}
   */
  maxRecipients?: number;
  /**
   * The most names for which messages are stored although nobody has ever used them.
   *
   * @default {1000}
   */
  maxUnknownNames?: number;
  /**
   * The share of each total that one sender may use: percent, above 0 and at most 100.
   *
   * @default {25}
   */
  maxSenderPercent?: number;
  /**
   * How long a message is stored before it expires: milliseconds.
   *
   * @default {604800000}
   */
  maxAgeMs?: number;
}

/** Limits on what a server stores, and on its connections. */
export interface ServerLimits extends MailboxLimits {
  /**
   * How many links a server makes by itself. It reaches further servers over these, and links to more only if it
   * dials addresses that it was given, or if others link to it.
   *
   * @default {16}
   */
  ownLinks?: number;
  /**
   * The most connections from one host. Those from the machine of the server are not limited.
   *
   * @default {1000}
   */
  maxConnectionsPerHost?: number;
  /**
   * The most connections that have not registered.
   *
   * @default {10000}
   */
  maxUnregistered?: number;
  /**
   * The most bytes of memory for what waits to be sent on all connections.
   *
   * @default {268435456}
   */
  maxOutgoingBytes?: number;
}

/** Returns limits with the defaults of {@linkcode LIMITS} for those that are not set. */
export function withDefaults(limits: ServerLimits): Required<ServerLimits> {
  return {
    maxRemoteUsers: LIMITS.maxRemoteUsers.default,
    maxLegacyBytes: LIMITS.maxLegacyBytes.default,
    maxMessages: LIMITS.maxMessages.default,
    maxBytes: LIMITS.maxBytes.default,
    maxTotalMessages: LIMITS.maxTotalMessages.default,
    maxMemoryBytes: LIMITS.maxMemoryBytes.default,
    maxDiskBytes: LIMITS.maxDiskBytes.default,
    maxRecipients: LIMITS.maxRecipients.default,
    maxUnknownNames: LIMITS.maxUnknownNames.default,
    maxSenderPercent: LIMITS.maxSenderPercent.default,
    maxAgeMs: LIMITS.maxDays.default * DAY_MS,
    ownLinks: LIMITS.ownLinks.default,
    maxConnectionsPerHost: LIMITS.maxConnectionsPerHost.default,
    maxUnregistered: LIMITS.maxUnregistered.default,
    maxOutgoingBytes: LIMITS.maxOutgoingBytes.default,
    ...limits,
  };
}
