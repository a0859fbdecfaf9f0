/**
 * What a server does with frames of one type, and what such a rule may use of the server: a package that
 * builds on this one adds rules for types of its own.
 *
 * @module
 */
import type { Frame } from "@netlab/protocol/codec";
import type { Connection } from "./connection.ts";
import type { Logger } from "./logger.ts";
import type { Mesh } from "./mesh/mesh.ts";
import type { Users } from "./users/registry.ts";

/** The server, as its rules see it. */
export interface ServerCore {
  /** Its id, a UUID. */
  readonly id: string;
  /** Whom it tells what it does. */
  readonly logger: Logger;
  /** Its users and those of all other servers. */
  readonly users: Users;
  /** Its links to other servers. */
  readonly mesh: Mesh;
  /** The addresses of all servers within reach, its own first. */
  servers(): string[];
  /** What it says it can do. */
  capabilities(): string[];
}

/** What a core does with frames of one type. */
export interface FrameRule {
  /** What the server says it can do because of this rule: a word of `Capability`. */
  readonly capability?: string;
  /** Whether a frame of this type is taken from such a connection. */
  allowed(connection: Connection): boolean;
  /**
   * Takes a frame; it is valid until this returns. A {@linkcode NetlabError} that it throws is told to
   * the other side, and ends the connection if it is fatal.
   */
  handle(connection: Connection, frame: Frame, core: ServerCore): void;
  /** Time has passed; `now` is in milliseconds since 1970. */
  tick?(core: ServerCore, now: number): void;
}
