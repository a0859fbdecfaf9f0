/**
 * A network with time on every link, drawn from one number, and the fastest ways through it as they
 * truly are. Pure; knows nothing of how servers find them.
 *
 * @module
 */
import { between, type Random, seeded } from "../../random.ts";

/** A link between two servers, told by their numbers. */
export interface TimedLink {
  readonly a: number;
  readonly b: number;
  /** How long bytes take over it at least, one way: milliseconds. */
  ms: number;
}

/** A network with time on every link. */
export interface RoutesPlan {
  /** What it was drawn from. */
  readonly seed: number;
  /** How many servers there are. */
  readonly servers: number;
  /** The links: a connected graph. */
  readonly links: readonly TimedLink[];
}

/** The network that belongs to a seed: 5 to 200 servers, or so many, with 2 to 50 ms on every link. */
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

/** How long the fastest way from one server to each takes, one way: milliseconds. */
export function fastest(plan: RoutesPlan, from: number): number[] {
  const times = new Array<number>(plan.servers).fill(Infinity);
  times[from] = 0;
  // Bellman and Ford's algorithm, so that the servers' own one is not its own judge.
  for (let changed = true; changed;) {
    changed = false;
    for (const { a, b, ms } of plan.links) {
      if (times[a]! + ms < times[b]!) [times[b], changed] = [times[a]! + ms, true];
      if (times[b]! + ms < times[a]!) [times[a], changed] = [times[b]! + ms, true];
    }
  }
  return times;
}

/** A link without which there is still a way between its ends. */
export function pickSpare(plan: RoutesPlan, random: Random): TimedLink | undefined {
  const start = Math.floor(random() * plan.links.length);
  const order = [...plan.links.slice(start), ...plan.links.slice(0, start)];
  return order.find((link) => {
    const links = plan.links.filter((other) => other !== link);
    return fastest({ ...plan, links }, link.a)[link.b] !== Infinity;
  });
}
