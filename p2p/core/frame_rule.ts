/**
 * The interface of a rule: what a server does with frames of one type. It also defines the part of
 * the server that a rule may use. Packages that build on this one add rules for their own frame
 * types. Knows no particular frame type.
 *
 * @module
 */
import type { Frame } from "@netlab/protocol/codec";
import type { Connection } from "./connection/connection.ts";
import type { Logger } from "./logger.ts";
import type { ServerNetwork } from "./mesh/server_network.ts";
import type { UserRegistry } from "./users/registry.ts";

/** The part of a server that rules may use. */
export interface ServerCore {
  /** The server's id, a UUID. */
  readonly id: string;
  /** The logger of the server. */
  readonly logger: Logger;
  /** The server's own users. */
  readonly users: UserRegistry;
  /** How this server reaches the others. */
  readonly mesh: ServerNetwork;
  /**
   * Returns the addresses of all reachable servers, starting with this one: `host:port` each.
   *
   * @param asker Who gets them. Leaves out loopback addresses that would lead it somewhere else.
   */
  servers(asker?: Connection): string[];
  /** Returns what the server says it can do: words of `Capability`. */
  capabilities(): string[];
}

/** Handles the frames of one type. */
export interface FrameRule {
  /** The word of `Capability` that this rule adds to the server's capabilities. */
  readonly capability?: string;
  /** Returns whether a connection may send frames of this type. */
  allowed(connection: Connection): boolean;
  /**
   * Handles a frame. The frame is valid until this method returns.
   *
   * @throws {NetlabError} If the frame is refused. The server sends the error to the other side,
   *   and closes the connection if the error is fatal.
   */
  handle(connection: Connection, frame: Frame, core: ServerCore): void;
  /**
   * Does periodic work.
   *
   * @param now The current time: milliseconds since 1970.
   */
  tick?(core: ServerCore, now: number): void;
}
