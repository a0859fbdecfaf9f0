/**
 * The interface of what connects servers and stores their messages, in place of links between the servers and a
 * data folder on each. `NatsEngine` of the package `nats` has this shape. Knows neither subjects nor streams.
 *
 * @module
 */
import type { Logger } from "../core/logger.ts";
import type { MessageStore, StoredMessage } from "../core/mailbox/message_store.ts";
import type { Bus } from "../core/star/bus.ts";
import type { StarNetwork } from "../core/star/star_network.ts";

/** The server that uses an {@linkcode Engine}. */
export interface EngineHost {
  /** The network of servers. */
  readonly network: StarNetwork;
  /** The logger of the server. */
  readonly logger: Logger;
  /** Runs something that uses the core, at the present time, and sends what follows from it. */
  enter(run: () => void): void;
  /** Takes messages over that another server has stored. Call it within {@linkcode EngineHost.enter}. */
  adopt(messages: Iterable<StoredMessage>): void;
}

/** What connects servers and stores their messages. One server uses it, and closes it. */
export interface Engine {
  /** The name of the network. */
  readonly networkName: string;
  /** Stores the messages. */
  readonly store: MessageStore;
  /** Creates what connects the server with the id `self` with others. */
  bus(self: string): Bus;
  /** Begins, once the core runs. */
  start(host: EngineHost): Promise<void>;
  /** Ends, after the server has closed. */
  close(): Promise<void>;
}
