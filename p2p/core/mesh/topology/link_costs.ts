/**
 * The costs of links. Owns the interface and the default, which counts links. Other packages may measure
 * costs. Knows nothing about routes.
 *
 * @module
 */
import type { Peer } from "../peer.ts";

/** The costs of one server's links. */
export interface LinkCosts {
  /** Returns the cost of a link: 1 to 100,000,000, lower is better; `undefined` while it is not known. */
  of(peer: Peer): number | undefined;
  /** Formats the cost of a link or a route for people: `3 links`, `20.4 ms`. */
  describe(cost: number): string;
  /**
   * Whether costs are times in microseconds.
   *
   * @default {false}
   */
  readonly isTime?: boolean;
  /** Returns the lowest of the last round-trip times to a peer, by its id: milliseconds; `undefined` before the first. */
  rttMs?(server: string): number | undefined;
}

/** Every link costs 1, so the best route is the one with the fewest links. */
export const everyLinkOne: LinkCosts = {
  of: () => 1,
  describe: (cost) => cost === 1 ? "1 link" : `${cost} links`,
};
