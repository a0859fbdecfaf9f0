/**
 * The options of server programs that change limits, made from the table of limits. Knows no other option.
 *
 * @module
 */
import { type FlaggedLimit, type Limit, LIMITS } from "../core/limits.ts";
import type { ServerLimits } from "../core/server_limits.ts";

const DAY_MS = 24 * 3_600_000;

/** The flag of each limit that has one. */
type Flag = typeof LIMITS[FlaggedLimit]["flag"];

/** An option that sets a limit. */
interface LimitOption {
  readonly kind: "integer";
  readonly help: string;
  readonly default: number;
  readonly min: 1;
  readonly max?: number;
}

const flagged = Object.entries<Limit>(LIMITS).filter(([, { flag }]) => flag !== undefined);

/** The options, by flag. */
export const limitOptions = Object.fromEntries(flagged.map(([, limit]) => [limit.flag, {
  kind: "integer",
  help: `${limit.what}, at most.`,
  default: limit.default,
  min: 1,
  ...limit.max !== undefined && { max: limit.max },
}])) as Record<Flag, LimitOption>;

/** The limits that the values of the options set. */
export function limitsOf(values: Readonly<Record<Flag, number>>): ServerLimits {
  const { maxDays, ...limits } = Object.fromEntries(
    flagged.map(([name, { flag }]) => [name, values[flag as Flag]]),
  ) as Record<FlaggedLimit, number>;
  return { ...limits, maxAgeMs: maxDays * DAY_MS };
}
