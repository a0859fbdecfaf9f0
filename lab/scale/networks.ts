/**
 * The kinds of network that grow: how their servers find each other. One more kind is one more entry of
 * {@linkcode NETWORKS}.
 *
 * @module
 */
import { LIMITS } from "@netlab/p2p/core";
import { between, type Random } from "../random.ts";
import { addressOf, servers } from "../simulator/world/networks.ts";
import type { VirtualNetwork } from "../simulator/world/virtual_network.ts";
import { VirtualNode } from "../simulator/world/virtual_node.ts";

/** A kind of network. */
export interface NetworkKind {
  /** What it is, for tables and charts. */
  readonly title: string;
  /** One sentence that says how it is linked. */
  readonly about: string;
  /** Starts the servers. */
  start(network: VirtualNetwork, count: number, random: Random): VirtualNode[];
}

/** The number of addresses that a server of a sparse mesh is told. */
const TOLD = 2;

/** The kinds of network, by name. */
export const NETWORKS: ReadonlyMap<string, NetworkKind> = new Map([
  ["full", {
    title: "full mesh",
    about: "Each server is told the addresses of all others, and links to all.",
    start: (network, count) => servers(network, count),
  }],
  ["sparse", {
    title: "sparse mesh",
    about:
      `Each server is told the addresses of ${TOLD} others, and learns those of all. It makes ` +
      `${LIMITS.ownLinks.default} links by itself.`,
    start: (network, count, random) =>
      Array.from({ length: count }, (_, index) => {
        const others = [(index + 1) % count, between(random, 0, count - 1)];
        const peers = others.slice(0, TOLD).map(addressOf);
        return new VirtualNode(network, addressOf(index), { network: "scale", peers });
      }),
  }],
]);
