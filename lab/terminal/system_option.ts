/**
 * The option that says which system servers and users belong to, for all commands that have it.
 *
 * @module
 */
import { UsageError } from "@netlab/terminal";
import type { ClusterSystem } from "../cluster/server_start.ts";

/** The option. */
export const SYSTEM_OPTION = {
  kind: "string",
  value: "p2p|rtt",
  default: "p2p",
  help: "Which system.",
} as const;

/** The system that was asked for. */
export function systemOf(text: string): ClusterSystem {
  if (text === "p2p" || text === "rtt") return text;
  throw new UsageError(`Option --system: ${JSON.stringify(text)} is not p2p or rtt`);
}
