/**
 * Rounds of measuring without a client, and what they found.
 *
 * @module
 */
import { HomeNetwork } from "@netlab/p2p/client";
import { Rounds, type ServerState } from "@netlab/rtt";

/** A network to which every server belongs. */
class AnyNetwork extends HomeNetwork {
  override admits(): boolean {
    return true;
  }
}

/** Returns the network of a client that may use every server. */
export function anyNetwork(): HomeNetwork {
  return new AnyNetwork(undefined, []);
}

/** Creates rounds that start with these servers and report to nobody. */
export function roundsOf(...servers: string[]): Rounds {
  return new Rounds({}, {
    known: () => servers,
    heardAt: () => undefined,
    network: anyNetwork,
    done: () => {},
  });
}

/** Returns what is known of a server. */
export function stateOf({ chooser }: Rounds, address: string): ServerState {
  return chooser.servers.find(({ server }) => server === address)!;
}
