/**
 * The results of all simulations, and the curves that follow from them. Knows nothing of files and pages.
 *
 * @module
 */
import { LIMITS } from "@netlab/p2p/core";
import { crossingOf, fitPowerLaw, type Point, type PowerLaw } from "./fit.ts";
import { sumOf } from "../link_traffic.ts";
import type { SkippedPair } from "../pairs.ts";
import type { RealResult } from "../real_servers.ts";
import type { ScalePlan, ScaleResult } from "../simulate_scale.ts";

/** What was simulated and measured. */
export interface ScaleReport {
  /** The command line, without the files. */
  readonly command: string;
  /** The simulated networks. */
  readonly results: readonly ScaleResult[];
  /** The networks that were not simulated. */
  readonly skipped: readonly SkippedPair[];
  /** The real servers; empty if there were none. */
  readonly real: readonly RealResult[];
}

/** A quantity and how it grows. */
export interface Curve {
  /** The kind of network: a name of `NETWORKS`. */
  readonly network: string;
  /** What grows: `bytes sent per second`. */
  readonly what: string;
  /** Which other number stayed the same: `1,000 users`. */
  readonly at: string;
  /** What was varied. */
  readonly by: "servers" | "users";
  /** The power law; `undefined` if there were too few values. */
  readonly law: PowerLaw | undefined;
}

/** The most servers that form a full mesh by themselves. */
const FULL_MESH = LIMITS.ownLinks.default + 1;

/** What of a result is fitted by the number of servers. */
const BY_SERVERS: readonly [what: string, of: (result: ScaleResult) => number][] = [
  ["bytes sent per second", ({ perSecond }) => sumOf(perSecond).bytes],
  ["frames sent per second", ({ perSecond }) => sumOf(perSecond).frames],
  ["bytes sent when a server returns", ({ backBytes }) => backBytes],
];

/** Fits how quantities per server grow with the number of servers, and with that of users. */
export function curvesOf(results: readonly ScaleResult[]): Curve[] {
  return [...new Set(results.map(({ plan }) => plan.network))].flatMap((network) => {
    const own = results.filter(({ plan }) => plan.network === network);
    const users = Math.min(...own.map(({ plan }) => plan.users));
    const ofServers = own.filter(({ plan }) => plan.users === users && isTypical(plan));
    const servers = mostFrequent(own.map(({ plan }) => plan.servers));
    const ofUsers = own.filter(({ plan }) => plan.servers === servers);
    return [
      ...BY_SERVERS.map(([what, of]): Curve => ({
        network,
        what,
        at: `${users.toLocaleString("en")} users`,
        by: "servers",
        law: fitPowerLaw(ofServers.map((result) => ({ x: result.plan.servers, y: of(result) }))),
      })),
      ...USERS.map(([what, of]): Curve => ({
        network,
        what,
        at: `${servers.toLocaleString("en")} servers`,
        by: "users",
        law: fitPowerLaw(ofUsers.map((result) => ({ x: result.plan.users, y: of(result) }))),
      })),
    ];
  });
}

const USERS: readonly [what: string, of: (result: ScaleResult) => number][] = [
  ["bytes of presence sent per second", ({ perSecond }) => perSecond.presence.bytes],
  ["memory", ({ memoryBytes }) => memoryBytes],
];

/** Returns the bytes that each server sends in a second, by the number of servers, with the fewest users. */
export function trafficPoints(results: readonly ScaleResult[], network: string): Point[] {
  const own = results.filter(({ plan }) => plan.network === network);
  const users = Math.min(...own.map(({ plan }) => plan.users));
  return own.filter(({ plan }) => plan.users === users)
    .map(({ plan, perSecond }) => ({ x: plan.servers, y: sumOf(perSecond).bytes }));
}

/** Returns the number of servers from which a sparse mesh sends less than a full one; `undefined` if not known. */
export function switchAt(curves: readonly Curve[]): number | undefined {
  const law = (network: string) =>
    curves.find((curve) => curve.network === network && curve.by === "servers")?.law;
  const full = law("full");
  const sparse = law("sparse");
  return full && sparse && crossingOf(full, sparse);
}

/** Returns whether a network shows how its kind grows: small sparse meshes are full ones. */
export function isTypical({ network, servers }: Pick<ScalePlan, "network" | "servers">): boolean {
  return network !== "sparse" || servers > FULL_MESH;
}

function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, next) => next[1] > best[1] ? next : best)[0];
}
