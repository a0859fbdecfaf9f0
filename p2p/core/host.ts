/**
 * What the routing core needs of the world: connections to write to, and someone who dials. The real
 * server, a simulator and a test each implement it.
 *
 * @module
 */
import type { Logger } from "./logger.ts";
import type { Connection } from "./connection.ts";
import type { Transport } from "./transport.ts";
import type { MessageLog } from "./message_log.ts";

/** What the core wants to hear about a connection that it asked for. */
export interface Dial {
  /**
   * How long a close waits for the other side to end as well: milliseconds.
   *
   * @default {what the host finds fit}
   */
  readonly lingerMs?: number;
  /** It is there; the link under which its frames are to be handed over. */
  connected(port: Transport): Connection;
  /** It could not be made; why, as the end of a sentence. */
  failed(reason: string): void;
}

/** What the world does for the core. */
export interface Host {
  /** Opens a connection to `address` and tells `dial` what came of it, later. */
  dial(address: string, dial: Dial): void;
  /** A number from 0 to below 1, for jitter. */
  random(): number;
  /** Calls `run` once, when everything that came in together has been handed over. */
  soon(run: () => void): void;
}

/** What all parts of one core share. */
export interface Context {
  /** This server's id: a UUID, new at every start. */
  readonly id: string;
  /** Where other servers and clients reach this server, `host:port`. */
  readonly address: string;
  /** What the world does for the core. */
  readonly host: Host;
  /** Whom the core tells what it does. */
  readonly logger: Logger;
  /** Where every message is logged, if that was asked for. */
  readonly messageLog: MessageLog;
  /** The time that the core was told last: milliseconds since 1970, never going back. */
  now: number;
}
