/**
 * The interface between the core and its environment: dialling, random numbers and scheduling. The
 * real server, the simulator and tests implement it. Knows nothing about messages.
 *
 * @module
 */
import type { HostReach, NetlabError } from "@netlab/protocol/codec";
import type { Logger } from "./logger.ts";
import type { Connection } from "./connection/connection.ts";
import type { Grant } from "./connection/grant.ts";
import type { Transport } from "./connection/transport.ts";
import type { MessageLog } from "./message_log.ts";
import type { Counters } from "./watch/counters.ts";
import type { EventLog } from "./watch/event_log.ts";

/** Receives the result of one dial. */
export interface Dial {
  /**
   * How long a close waits for the other side to close as well: milliseconds.
   *
   * @default {the host's own}
   */
  readonly lingerMs?: number;
  /**
   * From where the party that has named the address can be reached. The host must not connect to an IP address
   * that this party may not name, see `mayName` of `@netlab/protocol/codec`.
   *
   * @default {the address was given at start, and all are allowed}
   */
  readonly namedBy?: HostReach;
  /**
   * Reports that the connection is open. Returns the connection with which the host passes its
   * frames to the core.
   *
   * @param ip The IP address at the other end, if it is known.
   */
  connected(transport: Transport, ip?: string): Connection;
  /**
   * Reports that the connection could not be opened.
   *
   * @param reason The reason, for logs and receipts.
   */
  failed(reason: string): void;
}

/** The key of this server on a network with keys. Its id follows from it, see `serverIdOf` of the codec. */
export interface SigningHost {
  /** The public key of Ed25519: 32 bytes. */
  readonly key: Uint8Array;
  /** When this server started: milliseconds since 1970. */
  readonly startedAt: number;
  /** Returns the signature of a text: 64 bytes. */
  sign(text: Uint8Array): Uint8Array;
  /** Returns the time of the machine, by which others judge the age of what is signed: whole milliseconds since 1970. */
  time(): number;
}

/** Checks the tokens of a network with keys. */
export interface TokenHost {
  /** Signs for this server. */
  readonly signing: SigningHost;
  /** The token of this server; `undefined` if it has none. */
  readonly own: string | undefined;
  /** Checks a token, and calls `done` once, now or later. The errors are fatal. */
  verify(token: string, done: (result: Grant | NetlabError) => void): void;
  /** Returns why a token that was accepted is no longer valid; `undefined` if it is. The errors are fatal. */
  check(grant: Grant): NetlabError | undefined;
}

/** What a server uses of its machine. */
export interface HostUsage {
  /** Bytes that were read from all connections since the start. */
  readonly bytesRead: number;
  /** Bytes that were written to all connections since the start. */
  readonly bytesWritten: number;
  /** Bytes that wait to be sent on all connections. */
  readonly outgoingBytes: number;
  /** The memory that the system has given to the process: bytes. */
  readonly rssBytes: number;
  /** The part of it that values use: bytes. */
  readonly heapBytes: number;
}

/** The environment of a core. */
export interface Host {
  /** Checks tokens. A network without it is open to everyone. */
  readonly tokens?: TokenHost;
  /** Opens a connection to `address`, `host:port`, and reports the result to `dial` later. */
  dial(address: string, dial: Dial): void;
  /** Returns a random number from 0 to below 1, for jitter and hash factors. */
  random(): number;
  /**
   * Calls `run` once, after the core has received everything that arrived in this event loop turn.
   */
  soon(run: () => void): void;
  /** Returns whether a signature of Ed25519, 64 bytes, is right. `key` is the public key: 32 bytes. */
  verifySignature(key: Uint8Array, text: Uint8Array, signature: Uint8Array): boolean;
  /**
   * Returns what the server uses of its machine.
   *
   * @default {nobody knows}
   */
  usage?(): HostUsage;
}

/** What all components of a core share. */
export interface Context {
  /** This server's id: a UUID, new at every start. */
  readonly id: string;
  /** Where other servers and clients reach this server, `host:port`. */
  readonly address: string;
  /** The environment of the core. */
  readonly host: Host;
  /** The logger of the server. */
  readonly logger: Logger;
  /** Shows messages if this is enabled. */
  readonly messageLog: MessageLog;
  /** What the server has counted. */
  readonly counters: Counters;
  /** What has happened lately. */
  readonly events: EventLog;
  /**
   * The current time, as last reported to the core: milliseconds since 1970. It never decreases.
   */
  now: number;
}
