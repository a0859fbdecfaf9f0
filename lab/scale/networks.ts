/**
 * The kinds of network that grow: how their servers find each other. One more kind is one more entry of
 * {@linkcode NETWORKS}.
 *
 * @module
 */
import { between, type Random } from "../random.ts";
import { servers } from "../simulator/world/networks.ts";
import type { VirtualNetwork } from "../simulator/world/virtual_network.ts";
import type { VirtualNode } from "../simulator/world/virtual_node.ts";

/** A kind of network. */
export interface NetworkKind {
  /** What it is, for tables and charts. */
  readonly title: string;
  /** One sentence that says how it is linked. */
  readonly about: string;
  /** Starts the servers. */
  start(network: VirtualNetwork, count: number, random: Random): VirtualNode[];
}

/** The number of links of a server in a sparse mesh, about. */
const SPARSE_LINKS = 8;

/** The kinds of network, by name. */
export const NETWORKS: ReadonlyMap<string, NetworkKind> = new Map([
  ["full", {
    title: "full mesh",
    about: "Each server is told the addresses of all others, and links to all.",
    start: (network, count) => servers(network, count),
  }],
  ["sparse", {
    title: "sparse mesh",
    about: "Only some pairs of servers can connect: each server with about eight others.",
    start: (network, count, random) => servers(network, count, chords(count, random)),
  }],
]);

/** Returns the edges of a ring with random chords. */
function chords(count: number, random: Random): [number, number][] {
  const edges = new Map<string, [number, number]>();
  const add = (a: number, b: number) => {
    if (a !== b) edges.set(`${Math.min(a, b)} ${Math.max(a, b)}`, [a, b]);
  };
  for (let at = 0; at < count; at++) {
    add(at, (at + 1) % count);
    for (let more = 1; more < SPARSE_LINKS / 2; more++) add(at, between(random, 0, count - 1));
  }
  return [...edges.values()];
}
