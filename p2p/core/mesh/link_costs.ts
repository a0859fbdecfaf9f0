/**
 * What the links of a server cost: the one question that systems answer differently. Owns the
 * interface and the answer of those who do not measure; knows nothing of ways.
 *
 * @module
 */
import type { Peer } from "./peer.ts";

/** What the links of one server cost. */
export interface LinkCosts {
  /**
   * What a message's way over a link costs: 1 to 100,000,000, smaller is better. `undefined` while that
   * is not known.
   */
  of(peer: Peer): number | undefined;
  /** What a link or a way costs, for people: `3 links`, `20.4 ms`. */
  describe(cost: number): string;
}

/** Every link costs one: the best way is the one with the fewest links. */
export const everyLinkOne: LinkCosts = {
  of: () => 1,
  describe: (cost) => cost === 1 ? "1 link" : `${cost} links`,
};
