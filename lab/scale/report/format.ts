/**
 * The figures of simulated networks as text.
 *
 * @module
 */
import type { Column } from "@netlab/terminal";
import { sumOf } from "../link_traffic.ts";
import { NETWORKS } from "../networks.ts";
import { formatBytes, formatNumber } from "./numbers.ts";
import type { Curve } from "./report.ts";
import type { ScaleResult } from "../simulate_scale.ts";

const right = (title: string): Column => ({ title, align: "right" });

/** The columns of the table of results. */
export const RESULT_COLUMNS: readonly Column[] = [
  { title: "network" },
  right("servers"),
  right("users"),
  right("links"),
  right("frames/s"),
  right("bytes/s"),
  right("of presence"),
  right("memory"),
  right("start"),
  right("join"),
  right("crash"),
  right("return"),
  right("bytes of a return"),
];

/** Formats a result as a row for {@linkcode RESULT_COLUMNS}. All figures are for one server. */
export function resultRow(result: ScaleResult): string[] {
  const { plan, links, perSecond, memoryBytes, startMs, joinMs, lostMs, backMs, backBytes } =
    result;
  const { frames, bytes } = sumOf(perSecond);
  return [
    NETWORKS.get(plan.network)!.title,
    formatNumber(plan.servers),
    formatNumber(plan.users),
    links.toFixed(0),
    formatNumber(frames),
    formatBytes(bytes),
    formatBytes(perSecond.presence.bytes),
    formatBytes(memoryBytes),
    ...[startMs, joinMs, lostMs, backMs].map((ms) => `${formatNumber(ms)} ms`),
    formatBytes(backBytes),
  ];
}

/** The columns of the table of curves. */
export const CURVE_COLUMNS: readonly Column[] = [
  { title: "network" },
  { title: "each server" },
  { title: "with" },
  { title: "grows as" },
  right("R²"),
];

/** Formats a curve as a row for {@linkcode CURVE_COLUMNS}. */
export function curveRow({ network, what, at, by, law }: Curve): string[] {
  return [
    NETWORKS.get(network)!.title,
    what,
    at,
    law
      ? `${law.factor.toPrecision(3)} × ${by} ^ ${law.exponent.toFixed(2)}`
      : "too few sizes were simulated",
    law ? law.rSquared.toFixed(3) : "",
  ];
}
