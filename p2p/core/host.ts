/**
 * What the core needs of its surroundings: somebody who dials, and random numbers. The real server, the
 * simulator and tests each implement it.
 *
 * @module
 */
import type { Logger } from "./logger.ts";
import type { Connection } from "./connection.ts";
import type { Transport } from "./transport.ts";
import type { MessageLog } from "./message_log.ts";

/** Takes the outcome of one dial. */
export interface Dial {
  /**
   * How long a close waits until the other side ends as well: milliseconds.
   *
   * @default {the host's own}
   */
  readonly lingerMs?: number;
  /** The connection is there. Returns what its frames are to be handed to the core with. */
  connected(port: Transport): Connection;
  /** The connection could not be made; `reason` is the end of a sentence. */
  failed(reason: string): void;
}

/** What the core's surroundings do for it. */
export interface Host {
  /** Opens a connection to `address`, `host:port`, and tells `dial` the outcome later. */
  dial(address: string, dial: Dial): void;
  /** A number from 0 to below 1, for jitter. */
  random(): number;
  /** Calls `run` once, after all that came in together has been handed to the core. */
  soon(run: () => void): void;
}

/** What all parts of a core share. */
export interface Context {
  /** This server's id: a UUID, new at every start. */
  readonly id: string;
  /** Where other servers and clients reach this server, `host:port`. */
  readonly address: string;
  /** The core's surroundings. */
  readonly host: Host;
  /** The logger of the server. */
  readonly logger: Logger;
  /** Logs every message, if that was asked for. */
  readonly messageLog: MessageLog;
  /** The time as the core was told last: milliseconds since 1970. It never goes back. */
  now: number;
}
