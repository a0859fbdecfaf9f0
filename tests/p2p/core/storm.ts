/**
 * Storms: links break, fall silent and come back, and servers crash and restart, in an order drawn
 * from a seed, over a random connected network. Owns the failures and the recovery; knows nothing of
 * users.
 *
 * @module
 */
import { between, pick, seeded } from "@netlab/lab/random";
import { disconnectRules, servers, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { VirtualStore } from "./virtual_store.ts";

/** A connected graph over `count` servers. */
function graph(count: number, random: () => number): [number, number][] {
  const edges: [number, number][] = [];
  for (let index = 1; index < count; index++) edges.push([between(random, 0, index - 1), index]);
  for (let extra = between(random, 0, count); extra > 0; extra--) {
    const [a, b] = [between(random, 0, count - 1), between(random, 0, count - 1)];
    if (a !== b) edges.push([a, b]);
  }
  return edges;
}

/** Three to nine servers. */
export class Storm {
  readonly seed: number;
  readonly network: VirtualNetwork;
  readonly nodes: VirtualNode[];
  /** Random numbers from the seed, for failures and for tests. */
  readonly random: () => number;
  readonly #edges: [number, number][];
  readonly #down = new Set<VirtualNode>();

  /** Starts without failures. With `durable`, servers have their messages after a crash. */
  constructor(seed: number, { durable = false } = {}) {
    this.seed = seed;
    this.network = new VirtualNetwork(seed);
    this.random = seeded(seed + 1_000_000);
    const count = between(this.random, 3, 9);
    const reach = pick(this.random, [2, 20, 100]);
    this.network.latency = () => 1 + reach * this.network.random();
    this.#edges = graph(count, this.random);
    this.nodes = servers(this.network, count, this.#edges, () => ({
      rules: disconnectRules,
      ...durable && { store: new VirtualStore() },
    }));
  }

  /** Breaks or repairs one thing. */
  blow(crashes: boolean): void {
    const { network, nodes } = this;
    const edge = pick(this.random, this.#edges);
    const [a, b] = [nodes[edge[0]]!.address, nodes[edge[1]]!.address];
    const node = pick(this.random, nodes);
    switch (between(this.random, 0, crashes ? 6 : 4)) {
      case 0:
        return network.cut(a, b);
      case 1:
        return network.separate(a, b);
      case 2:
        return network.silence(a, b);
      case 3:
      case 4:
        return network.join(a, b);
      default:
        if (this.#down.delete(node)) return node.start();
        this.#down.add(node);
        node.crash();
    }
  }

  /** Whether a server runs. */
  runs(node: VirtualNode): boolean {
    return !this.#down.has(node);
  }

  /** Repairs everything. */
  heal(): void {
    for (const [a, b] of this.#edges) {
      this.network.join(this.nodes[a]!.address, this.nodes[b]!.address);
    }
    for (const node of this.#down) node.start();
    this.#down.clear();
  }

  /**
   * Waits until every server has these users.
   *
   * @throws {Error} When they do not in time. The message lists the users of each server.
   */
  settle(names: readonly string[]): void {
    const wanted = names.toSorted().join();
    const settled = () =>
      this.nodes.every((node) =>
        node.core.topology.routes().size === this.nodes.length - 1 &&
        node.users().join() === wanted
      );
    try {
      this.network.until(settled, 45_000);
      // Links of which one end has not heard yet that they are dead still go, and come again.
      this.network.run(4_000);
      this.network.until(settled, 5_000);
    } catch (cause) {
      const found = this.nodes.map((node) => `${node.neighbours()}: ${node.users()}`).join("\n");
      throw new Error(`seed ${this.seed} does not settle:\n${found}`, { cause });
    }
  }
}
