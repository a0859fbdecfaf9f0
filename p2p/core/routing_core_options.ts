/**
 * What a routing core is made from. The program part of a server fills it in, and so does the simulator.
 *
 * @module
 */
import type { FrameRule } from "./frame_rule.ts";
import type { Host } from "./host.ts";
import type { LinkCosts } from "./mesh/link_costs.ts";
import type { Logger } from "./logger.ts";
import type { MailboxLimits } from "./mailbox/mailbox.ts";
import type { MessageStore } from "./mailbox/message_store.ts";

/** What a `RoutingCore` is made from. */
export interface RoutingCoreOptions {
  /** This server's id: a UUID, new at every start. */
  id: string;
  /** Where others reach this server, `host:port`. */
  address: string;
  /** The addresses that are dialled from the start, `host:port` each. */
  peers: readonly string[];
  /** What the core's surroundings do for it. */
  host: Host;
  /** Takes the log lines of the server. */
  logger: Logger;
  /**
   * Whether every message is logged at level debug: sender, recipient, size and next hop, never the text.
   * Messages take no fast path then.
   *
   * @default {false}
   */
  logMessages?: boolean;
  /** The time: milliseconds since 1970. */
  now: number;
  /**
   * The store that durable messages are written to.
   *
   * @default {none: they are in memory alone}
   */
  store?: MessageStore;
  /** How much is stored for a user, and for how long. */
  limits?: MailboxLimits;
  /**
   * What links cost. Messages take the cheapest route.
   *
   * @default {one each}
   */
  costs?: LinkCosts;
  /** Rules for further frame types, by type. They replace the core's own rules for the same type. */
  rules?: ReadonlyMap<number, FrameRule>;
}
