/**
 * Rounds of measuring without a client, and what they found.
 *
 * @module
 */
import { Rounds, type ServerState } from "@netlab/rtt";

/** Creates rounds that start with these servers and report to nobody. */
export function roundsOf(...servers: string[]): Rounds {
  return new Rounds({}, { known: () => servers, heardAt: () => undefined, done: () => {} });
}

/** Returns what is known of a server. */
export function stateOf({ chooser }: Rounds, address: string): ServerState {
  return chooser.servers.find(({ server }) => server === address)!;
}
