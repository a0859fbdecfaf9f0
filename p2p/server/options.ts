/**
 * What a program says of the server that it starts.
 *
 * @module
 */
import type { FrameRule } from "../core/frame_rule.ts";
import type { Logger } from "../core/logger.ts";
import type { MailboxLimits } from "../core/mailbox/mailbox.ts";
import type { LinkCosts } from "../core/mesh/link_costs.ts";

/** How a `P2pServer` listens, and whom it looks for. */
export interface P2pServerOptions {
  /**
   * The host name or IP address to listen on.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * The TCP port to listen on; 0 takes a free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * Where others reach this server, `host:port`. Needed when it listens on all addresses of a machine.
   *
   * @default {the address it listens on}
   */
  advertise?: string;
  /**
   * Addresses of other servers, `host:port` each. They are dialled until they answer, and so are all
   * that they know of. Its own address among them does no harm.
   *
   * @default {[]}
   */
  peers?: readonly string[];
  /**
   * The folder in which messages are written down before they are accepted, so that they survive a
   * crash. One server at a time may use it.
   *
   * @default {none: messages are kept in memory}
   */
  data?: string;
  /** How much is kept for users who are away, and for how long. */
  limits?: MailboxLimits;
  /**
   * Whom the server tells what it does.
   *
   * @default {nobody}
   */
  logger?: Logger;
  /**
   * Whether the logger hears of every message, at level debug: sender, recipient, size and next hop, never
   * the text. It costs most of the throughput.
   *
   * @default {false}
   */
  logMessages?: boolean;
  /**
   * What links to other servers cost: messages go the cheapest way.
   *
   * @default {one each}
   */
  costs?: LinkCosts;
  /**
   * Rules for frame types that a p2p server does not know, by type.
   *
   * @default {none}
   */
  rules?: ReadonlyMap<number, FrameRule>;
}
