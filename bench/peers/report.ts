/**
 * What was measured, as data: what the JSON file holds, and what tables and charts are made from. Owns
 * that shape and how rounds become one figure.
 *
 * @module
 */
import type { AnyResult, Figure } from "./scenarios.ts";
import { median } from "./statistics.ts";

/** All of it. */
export interface Report {
  /** When it began, ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  /** Versions, by product. */
  readonly versions: Readonly<Record<string, string>>;
  /** Why some products did not take part. */
  readonly leftOut: readonly string[];
  /** How often everything was measured. */
  readonly rounds: number;
  /** How long one measurement lasted. */
  readonly seconds: number;
  readonly scenarios: readonly ScenarioReport[];
}

/** Where it was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
  readonly deno: string;
  /** Whether servers and generator had a core each. */
  readonly pinned: boolean;
  /** How many programs wanted a core in the minute before it began, on average. */
  readonly load: number;
}

/** One scenario. */
export interface ScenarioReport {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly figures: readonly Figure[];
  readonly rows: readonly Row[];
}

/** One contender in it. */
export interface Row {
  readonly contender: string;
  readonly product: string;
  /** How the servers were started. */
  readonly commands: readonly string[];
  /** The median of each figure; `null` where there is none. */
  readonly values: readonly (number | null)[];
  /** Each round, with the figures in the same order. */
  readonly rounds: readonly (readonly (number | null)[])[];
  /** Share of a core that the servers used, the median. */
  readonly serverCpu?: number;
  /** The same of the generator. */
  readonly generatorCpu?: number;
  /** Whether the generator had more to do than the servers: with another one, they could do more. */
  readonly generatorBound?: boolean;
  /** Why there is no figure. */
  readonly failure?: string;
}

/** The rounds of one contender as a row. */
export function toRow(
  about: Pick<Row, "contender" | "product" | "commands">,
  results: readonly AnyResult[],
  values: (result: AnyResult) => number[],
): Row {
  const rounds = results.map((result) => values(result).map(orNull));
  const medians = (rounds[0] ?? []).map((_, column) => {
    const known = rounds.map((round) => round[column]).filter((value) => value != null);
    return known.length === 0 ? null : median(known);
  });
  const row = { ...about, values: medians, rounds };
  if (results[0]?.serverCpu === undefined) return row;
  const serverCpu = median(results.map((result) => result.serverCpu!));
  const generatorCpu = median(results.map((result) => result.generatorCpu!));
  return {
    ...row,
    serverCpu: round(serverCpu),
    generatorCpu: round(generatorCpu),
    generatorBound: generatorCpu > serverCpu,
  };
}

function orNull(value: number): number | null {
  return Number.isFinite(value) ? round(value) : null;
}

/** Four digits and no more: there is no truth in those behind. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
