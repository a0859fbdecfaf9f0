/**
 * A random network with a latency on every link, and the fastest routes in it. Knows nothing of how
 * servers find routes.
 *
 * @module
 */
import { between, type Random, seeded } from "../../random.ts";

/** A link between two servers. */
export interface TimedLink {
  /** The number of one server. */
  readonly a: number;
  /** The number of the other server. */
  readonly b: number;
  /** The lowest latency of the link, one way: milliseconds. */
  ms: number;
}

/** A network with a latency on every link. */
export interface RoutesPlan {
  /** The seed that the network was drawn from. */
  readonly seed: number;
  /** The number of servers. */
  readonly servers: number;
  /** The links. They connect all servers. */
  readonly links: readonly TimedLink[];
}

/**
 * Draws a network with 2 to 50 ms on every link. The same arguments give the same network.
 *
 * @param servers The number of servers. Without it, 5 to 200 by the seed.
 */
export function makeRoutesPlan(seed: number, servers?: number): RoutesPlan {
  const random = seeded(seed, 3);
  const drawn = between(random, 5, 200);
  const count = servers ?? drawn;
  const links = new Map<string, TimedLink>();
  const link = (a: number, b: number) => {
    const key = `${Math.min(a, b)} ${Math.max(a, b)}`;
    if (a !== b && !links.has(key)) links.set(key, { a, b, ms: between(random, 2, 50) });
  };
  for (let b = 1; b < count; b++) link(Math.floor(random() * b), b);
  for (let more = Math.floor(count * (0.5 + 1.5 * random())); more > 0; more--) {
    link(Math.floor(random() * count), Math.floor(random() * count));
  }
  return { seed, servers: count, links: [...links.values()] };
}

/**
 * Returns the latency of the fastest route from one server to each server, one way: milliseconds, and
 * `Infinity` if there is no route.
 */
export function fastest(plan: RoutesPlan, from: number): number[] {
  const times = new Array<number>(plan.servers).fill(Infinity);
  times[from] = 0;
  // Bellman-Ford: not the algorithm of the servers, which this checks.
  for (let changed = true; changed;) {
    changed = false;
    for (const { a, b, ms } of plan.links) {
      if (times[a]! + ms < times[b]!) [times[b], changed] = [times[a]! + ms, true];
      if (times[b]! + ms < times[a]!) [times[a], changed] = [times[b]! + ms, true];
    }
  }
  return times;
}

/** Picks a link without which its servers are still connected. `undefined` if there is none. */
export function pickSpare(plan: RoutesPlan, random: Random): TimedLink | undefined {
  const start = Math.floor(random() * plan.links.length);
  const order = [...plan.links.slice(start), ...plan.links.slice(0, start)];
  return order.find((link) => {
    const links = plan.links.filter((other) => other !== link);
    return fastest({ ...plan, links }, link.a)[link.b] !== Infinity;
  });
}
