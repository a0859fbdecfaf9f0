/**
 * Where servers are. Owns the forces between them, and how large each is. Does not know the window, and draws nothing.
 *
 * @module
 */
// @ts-types="npm:@types/d3-force@3.0.10"
import {
  forceCollide,
  forceLink,
  forceManyBody,
  forceSimulation,
  forceX,
  forceY,
  type Simulation,
  type SimulationLinkDatum,
  type SimulationNodeDatum,
} from "d3-force";
import type { Link, Network } from "../model/network.ts";

/** A server at its place. */
export interface Node extends SimulationNodeDatum {
  /** The id of the server. */
  readonly id: string;
  /** The place. */
  x: number;
  y: number;
  /** The room for the server and its users. */
  radius: number;
}

/** The radius of a server. */
export const SERVER_RADIUS = 17;
/** With more links of a server, only its fastest ones pull. */
const PULLING_LINKS = 4;
/** Below, nothing moves that can be seen. */
const REST = 0.015;
/** How fast servers come to rest: within 80 steps. */
const DECAY = 0.05;
/** How many steps are made at once for servers that are shown for the first time. */
const FIRST_STEPS = 120;
/** The room between servers. */
const GAP = 26;

interface Pull extends SimulationLinkDatum<Node> {
  readonly rttMs: number | undefined;
}

/** The places of servers. */
export class Layout {
  readonly nodes = new Map<string, Node>();
  readonly #simulation: Simulation<Node, Pull>;
  readonly #links = forceLink<Node, Pull>([]).id(({ id }) => id);
  readonly #x = forceX<Node>(0);
  readonly #y = forceY<Node>(0);
  #shape = -1;

  /** Starts without servers. */
  constructor() {
    this.#links
      .distance(({ source, target, rttMs }) =>
        (source as Node).radius + (target as Node).radius + 44 + 12 * Math.log2(1 + (rttMs ?? 0))
      )
      .strength(0.35);
    this.#simulation = forceSimulation<Node, Pull>([])
      .alphaDecay(DECAY)
      .force("links", this.#links)
      .force("apart", forceManyBody<Node>().strength(({ radius }) => -radius * 14))
      .force("room", forceCollide<Node>(({ radius }) => radius + GAP / 2).iterations(2))
      .force("x", this.#x)
      .force("y", this.#y)
      .stop();
  }

  /**
   * Follows the network.
   *
   * @param radiusOf Returns the room that a server and its users need.
   * @param aspect The width of the window divided by its height.
   */
  update(network: Network, radiusOf: (id: string) => number, aspect: number): void {
    let hasGrown = false;
    for (const [id, node] of this.nodes) {
      const radius = radiusOf(id);
      hasGrown ||= Math.abs(radius - node.radius) > 4;
      node.radius = radius;
    }
    this.#x.strength(0.07 / Math.max(1, aspect));
    this.#y.strength(0.07 * Math.max(1, aspect) / 1.3);
    if (network.shape === this.#shape) {
      if (hasGrown) this.#restart(0.3);
      return;
    }
    this.#shape = network.shape;
    const isFirst = this.nodes.size === 0;
    for (const id of this.nodes.keys()) if (!network.servers.has(id)) this.nodes.delete(id);
    const links = network.links;
    for (const { id } of network.sorted) {
      if (!this.nodes.has(id)) this.nodes.set(id, this.#place(id, links, radiusOf(id)));
    }
    this.#restart(isFirst ? 1 : 0.5);
    this.#links.links(
      fastest(links, PULLING_LINKS).map(({ ends: [source, target], rttMs }) => {
        return { source, target, rttMs };
      }),
    );
    if (isFirst) this.#simulation.tick(FIRST_STEPS);
  }

  /** Whether servers move. */
  get isMoving(): boolean {
    return this.#simulation.alpha() > REST;
  }

  /** Lets servers move one step. */
  step(): void {
    if (this.isMoving) this.#simulation.tick();
  }

  /** Moves all servers to where they come to rest. */
  finish(): void {
    while (this.isMoving) this.#simulation.tick(10);
  }

  #restart(alpha: number): void {
    // The forces look at the nodes once, so they are told of new ones and new sizes.
    this.#links.links([]);
    this.#simulation.nodes([...this.nodes.values()]);
    this.#simulation.alpha(Math.max(this.#simulation.alpha(), alpha));
  }

  /** Returns a new server near those to which it is linked. */
  #place(id: string, links: readonly Link[], radius: number): Node {
    const near = links.flatMap(({ ends: [a, b] }) => {
      const other = a === id ? b : b === id ? a : undefined;
      const node = other === undefined ? undefined : this.nodes.get(other);
      return node ? [node] : [];
    });
    const count = this.nodes.size;
    const angle = count * 2.4;
    const away = 60 * Math.sqrt(count + 0.5);
    const middle = (read: (node: Node) => number) =>
      near.length === 0 ? 0 : near.reduce((sum, node) => sum + read(node), 0) / near.length;
    return {
      id,
      radius,
      x: middle(({ x }) => x) + away * Math.cos(angle),
      y: middle(({ y }) => y) + away * Math.sin(angle),
    };
  }
}

/** Returns the fastest links of each server, so many of each at least. */
export function fastest(links: readonly Link[], most: number): Link[] {
  const count = new Map<string, number>();
  const sorted = [...links].sort((a, b) => (a.rttMs ?? 0) - (b.rttMs ?? 0));
  return sorted.filter(({ ends }) => {
    const isWanted = ends.some((id) => (count.get(id) ?? 0) < most);
    if (isWanted) { for (const id of ends) count.set(id, (count.get(id) ?? 0) + 1); }
    return isWanted;
  });
}
