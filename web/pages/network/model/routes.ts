/**
 * The route between two servers, and why it was chosen. Owns the comparison with other routes. Does not know how routes
 * are shown.
 *
 * @module
 */
import type { ServerStatus } from "@netlab/protocol/codec";

/** A way through the network. */
export interface Route {
  /** The ids of the servers on it, with both ends. */
  readonly path: readonly string[];
  /** The sum of what its links count for: milliseconds; `undefined` at servers that count links. */
  readonly costMs: number | undefined;
}

/** Why a route was chosen: it is the cheapest; it is not by now; it has the fewest links; it is the only one. */
export type Reason = "cheapest" | "changing" | "fewest" | "only";

/** The route between two servers. */
export interface RouteExplanation {
  /** The route that messages take; `undefined` if there is none. */
  readonly route: Route | undefined;
  /** Whether all servers on the route have told where it goes on. */
  readonly isComplete: boolean;
  /** The best other routes that begin with another link, the best first. The direct link is always one of them. */
  readonly others: readonly Route[];
  /** Why. */
  readonly reason: Reason;
}

/** The most other routes that are shown. */
const MAX_OTHERS = 3;
/** A route that is better by less is as good: milliseconds. */
const SAME_MS = 0.05;

/** What is known of servers. */
type Statuses = ReadonlyMap<string, ServerStatus>;

/** Explains the route from one server to another one. */
export function explainRoute(statuses: Statuses, from: string, to: string): RouteExplanation {
  const { path, isComplete } = follow(statuses, from, to);
  const told = statuses.get(from)?.routes.find(({ server }) => server === to);
  const isTime = told?.costMs !== undefined;
  const route = told && { path, costMs: told.costMs };
  const cost = costOf(isTime);
  const others = told ? otherRoutes(statuses, from, to, path[1]!, cost, isTime) : [];
  const best = others[0];
  return { route, isComplete, others, reason: reasonFor(route, best, isTime) };
}

/** The cost of a link as the server at its beginning sees it. */
type Cost = (link: ServerStatus["links"][number]) => number | undefined;

/** Servers that measure give no cost for links that they have not measured yet. */
function costOf(isTime: boolean): Cost {
  return isTime ? ({ costMs }) => costMs : () => 1;
}

function follow(
  statuses: Statuses,
  from: string,
  to: string,
): { path: string[]; isComplete: boolean } {
  const path = [from];
  for (let at = from; at !== to;) {
    const next = statuses.get(at)?.routes.find(({ server }) => server === to)?.nextHop;
    if (next === undefined || path.includes(next)) {
      return { path: [...path, to], isComplete: false };
    }
    path.push(at = next);
  }
  return { path, isComplete: true };
}

/** Returns the best route over each other link. */
function otherRoutes(
  statuses: Statuses,
  from: string,
  to: string,
  nextHop: string,
  cost: Cost,
  isTime: boolean,
): Route[] {
  const { distance, previous } = cheapest(statuses, to, from, cost);
  const routes: { route: Route; total: number }[] = [];
  for (const link of statuses.get(from)!.links) {
    if (link.server === nextHop) continue;
    const first = cost(link);
    const rest = distance.get(link.server);
    if (first === undefined || rest === undefined) continue;
    const path = [from];
    for (let at: string | undefined = link.server; at !== undefined; at = previous.get(at)) {
      path.push(at);
    }
    const total = first + rest;
    routes.push({ route: { path, costMs: isTime ? total : undefined }, total });
  }
  routes.sort((a, b) => a.total - b.total || a.route.path.length - b.route.path.length);
  const shown = routes.slice(0, MAX_OTHERS).map(({ route }) => route);
  const direct = routes.find(({ route }) => route.path.length === 2)?.route;
  return direct && !shown.includes(direct) ? [...shown.slice(0, -1), direct] : shown;
}

/** Returns what it costs to reach `to` from every server, and the next server on the way, without using one server. */
function cheapest(
  statuses: Statuses,
  to: string,
  without: string,
  cost: Cost,
): { distance: Map<string, number>; previous: Map<string, string> } {
  const into = new Map<string, { server: string; cost: number }[]>();
  for (const [server, { links }] of statuses) {
    for (const link of links) {
      const value = cost(link);
      if (value === undefined || server === without || link.server === without) continue;
      const list = into.get(link.server);
      if (list) list.push({ server, cost: value });
      else into.set(link.server, [{ server, cost: value }]);
    }
  }
  const distance = new Map([[to, 0]]);
  const previous = new Map<string, string>();
  const open = new Set([to]);
  while (open.size > 0) {
    // Networks have a hundred servers, so a heap would not be noticed.
    let at = "";
    let least = Infinity;
    for (const server of open) {
      if (distance.get(server)! < least) least = distance.get(at = server)!;
    }
    open.delete(at);
    for (const { server, cost } of into.get(at) ?? []) {
      if (least + cost >= (distance.get(server) ?? Infinity)) continue;
      distance.set(server, least + cost);
      previous.set(server, at);
      open.add(server);
    }
  }
  return { distance, previous };
}

function reasonFor(route: Route | undefined, best: Route | undefined, isTime: boolean): Reason {
  if (!route || !best) return "only";
  if (!isTime) return "fewest";
  return best.costMs! < route.costMs! - SAME_MS ? "changing" : "cheapest";
}
