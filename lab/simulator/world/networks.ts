/**
 * Networks of servers in the shapes that tests want.
 *
 * @module
 */
import type { VirtualNetwork } from "./virtual_network.ts";
import { VirtualNode, type VirtualNodeOptions } from "./virtual_node.ts";

/** The address of the server with that number. */
export function addressOf(index: number): string {
  return `10.0.0.${index + 1}:5001`;
}

/**
 * Servers that all know each other's addresses, of which only the pairs in `edges` can link.
 *
 * @param edges Pairs of numbers of servers; all pairs when left out.
 * @param options For all servers, or for each by its number.
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

/** Each linked to the next: 0-1-2 and so on. */
export function chain(count: number): [number, number][] {
  return Array.from({ length: count - 1 }, (_, index) => [index, index + 1]);
}

/** A chain whose ends are linked. */
export function ring(count: number): [number, number][] {
  return [...chain(count), [count - 1, 0]];
}

/** Waits until every server reaches every other, and then for what they tell each other. */
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
