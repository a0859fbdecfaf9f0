/**
 * What a server does with frames of one type, and what such a rule may use of the server. A package that
 * builds on this one adds rules for frame types of its own.
 *
 * @module
 */
import type { Frame } from "@netlab/protocol/codec";
import type { Connection } from "./connection.ts";
import type { Logger } from "./logger.ts";
import type { Mesh } from "./mesh/mesh.ts";
import type { UserRegistry } from "./users/registry.ts";

/** A server, as its rules see it. */
export interface ServerCore {
  /** The server's id, a UUID. */
  readonly id: string;
  /** The logger of the server. */
  readonly logger: Logger;
  /** The server's own users. */
  readonly users: UserRegistry;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** The addresses of all servers within reach, this one's first: `host:port` each. */
  servers(): string[];
  /** What the server says it can do: words of `Capability`. */
  capabilities(): string[];
}

/** What a server does with frames of one type. */
export interface FrameRule {
  /** A word of `Capability` that the server adds to its own because of this rule. */
  readonly capability?: string;
  /** Whether a frame of this type is taken from that connection. */
  allowed(connection: Connection): boolean;
  /**
   * Takes a frame, which is valid until this returns. A `NetlabError` that it throws is sent to the other
   * side, and closes the connection if it is fatal.
   */
  handle(connection: Connection, frame: Frame, core: ServerCore): void;
  /** Time has passed; `now` is in milliseconds since 1970. */
  tick?(core: ServerCore, now: number): void;
}
