/**
 * The options that several commands share.
 *
 * @module
 */
import { quote } from "@netlab/protocol";
import { UsageError } from "@netlab/terminal";
import type { ClusterSystem } from "../cluster/server_start.ts";

/** The option `--seed`. */
export const SEED_OPTION = {
  kind: "integer",
  help: "The seed of random decisions. Default: a random one, shown.",
} as const;

/** The option `--system`: the system of servers and users. */
export const SYSTEM_OPTION = {
  kind: "string",
  value: "p2p|rtt",
  default: "p2p",
  help: "The system of the servers and users.",
} as const;

/**
 * Reads the value of `--system`.
 *
 * @throws {UsageError} When it is not a system.
 */
export function systemOf(text: string): ClusterSystem {
  if (text === "p2p" || text === "rtt") return text;
  throw new UsageError(`Option --system: ${quote(text)} is not p2p or rtt`);
}
