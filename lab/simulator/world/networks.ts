/**
 * Creates virtual servers that are linked as chains, rings or any other graph.
 *
 * @module
 */
import type { VirtualNetwork } from "./virtual_network.ts";
import { VirtualNode, type VirtualNodeOptions } from "./virtual_node.ts";

/** Returns the address of a server by its number, `host:port`. */
export function addressOf(index: number): string {
  const number = index + 1;
  return `10.0.${Math.floor(number / 256)}.${number % 256}:5001`;
}

/**
 * Starts servers that know the addresses of all others. Only the pairs in `edges` can link.
 *
 * @param count The number of servers.
 * @param edges Pairs of servers, by number. All pairs if left out.
 * @param options The options of all servers, or a function that returns those of a server by its number.
 */
export function servers(
  network: VirtualNetwork,
  count: number,
  edges?: readonly (readonly [number, number])[],
  options: VirtualNodeOptions | ((index: number) => VirtualNodeOptions) = {},
): VirtualNode[] {
  const addresses = Array.from({ length: count }, (_, index) => addressOf(index));
  const open = new Set(edges?.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`]));
  for (let a = 0; edges && a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      if (!open.has(`${a} ${b}`)) network.separate(addresses[a]!, addresses[b]!);
    }
  }
  const optionsOf = typeof options === "function" ? options : () => options;
  return addresses.map((address, index) =>
    new VirtualNode(network, address, { ...optionsOf(index), peers: addresses })
  );
}

/** Returns the edges of a chain: 0-1, 1-2 and so on. */
export function chain(count: number): [number, number][] {
  return Array.from({ length: count - 1 }, (_, index) => [index, index + 1]);
}

/** Returns the edges of a ring: those of a chain, and one between its ends. */
export function ring(count: number): [number, number][] {
  return [...chain(count), [count - 1, 0]];
}

/**
 * Lets time pass until every server has a route to every other, and then 100 ms for announcements.
 *
 * @param withinMs How long the routes may take: milliseconds.
 * @throws {Error} When a route is missing after that.
 */
export function settle(
  network: VirtualNetwork,
  nodes: readonly VirtualNode[],
  withinMs = 10_000,
): void {
  network.until(
    () => nodes.every(({ core }) => core.topology.routes().size === nodes.length - 1),
    withinMs,
  );
  network.run(100);
}
