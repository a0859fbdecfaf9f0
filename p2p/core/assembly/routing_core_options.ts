/**
 * The options of a routing core. The server, the simulator and tests provide them.
 *
 * @module
 */
import type { ProtectedName } from "@netlab/protocol/codec";
import type { AccessOptions } from "../access/access.ts";
import type { DiscoveryOptions } from "../mesh/addresses/discovery.ts";
import type { FrameRule } from "../frame_rule.ts";
import type { PassedMessage } from "../message_log.ts";
import type { Program } from "../status/own_status.ts";
import type { Host } from "../host.ts";
import type { LinkCosts } from "../mesh/topology/link_costs.ts";
import type { NetworkParts, ServerNetwork } from "../mesh/server_network.ts";
import type { Logger } from "../logger.ts";
import type { ServerLimits } from "../server_limits.ts";
import type { MessageStore } from "../mailbox/message_store.ts";

/** Keeps protected names. */
export interface ProtectedNameStore {
  /** Returns the records that were saved. */
  load(): Iterable<ProtectedName>;
  /** Saves a record, which replaces earlier ones of the same name. */
  save(record: ProtectedName): void;
}

/** Options of a `RoutingCore`. */
export interface RoutingCoreOptions extends DiscoveryOptions, AccessOptions {
  /** This server's id: a UUID, new at every start. */
  id: string;
  /** Where others reach this server, `host:port`. */
  address: string;
  /** Called when the server's network has become part of another one, with the id of that one. */
  onNetwork?: (network: string) => void;
  /** The environment of the core. */
  host: Host;
  /** Receives the server's log lines. */
  logger: Logger;
  /**
   * Whether every message is logged at level debug: sender, recipient, size and next hop, but not
   * the text. Messages then take no fast path.
   *
   * @default {false}
   */
  logMessages?: boolean;
  /**
   * What the server tells those who watch it about its program.
   *
   * @default {a p2p server of version 0}
   */
  program?: Program;
  /**
   * Called with every message that passes. Messages then take no fast path.
   *
   * @default {nothing is called}
   */
  onMessage?: (message: PassedMessage) => void;
  /** The current time: milliseconds since 1970. */
  now: number;
  /**
   * The store for durable messages.
   *
   * @default {none: messages are in memory only}
   */
  store?: MessageStore;
  /**
   * Keeps the names that are protected by a secret.
   *
   * @default {none: they are in memory only}
   */
  protectedNames?: ProtectedNameStore;
  /** Limits on what is stored. */
  limits?: ServerLimits;
  /**
   * The costs of links. Messages take the cheapest route.
   *
   * @default {1 for each link}
   */
  costs?: LinkCosts;
  /**
   * Creates what connects this server with others.
   *
   * @default {a mesh: servers that are connected directly}
   */
  serverNetwork?: (parts: NetworkParts) => ServerNetwork;
  /**
   * Rules for further frame types, by type. They replace the core's own rules for the same types.
   */
  rules?: ReadonlyMap<number, FrameRule>;
}
