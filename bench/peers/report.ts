/**
 * The results as data: the contents of the JSON file, from which tables and the chart are made.
 *
 * @module
 */
import { cpus } from "node:os";
import { median } from "simple-statistics";
import type { Result } from "./load.ts";
import type { Figure } from "./scenarios.ts";

/** All results. */
export interface Report {
  /** When the run began, ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  /** Versions by product. */
  readonly versions: Readonly<Record<string, string>>;
  /** Why some products are missing. */
  readonly leftOut: readonly string[];
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  readonly scenarios: readonly ScenarioReport[];
}

/** The machine of the run. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
  readonly deno: string;
  /** Whether servers and generator had a core each. */
  readonly pinned: boolean;
  /** The load average of the minute before the run. */
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

/** One contender in a scenario. */
export interface Row {
  readonly contender: string;
  readonly product: string;
  /** The commands that started the servers. */
  readonly commands: readonly string[];
  /** The median of each figure. */
  readonly values: readonly (number | null)[];
  /** The figures of each round. */
  readonly rounds: readonly (readonly (number | null)[])[];
  /** Share of a core that the servers used, the median. */
  readonly serverCpu?: number;
  /** Share of a core that the generator used, the median. */
  readonly generatorCpu?: number;
  /** Whether the generator used more CPU than the servers, which could do more then. */
  readonly generatorBound?: boolean;
  /** Why there are no figures. */
  readonly failure?: string;
}

/** This machine. */
export function thisMachine(pinned: boolean): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${Deno.osRelease()}`,
    deno: Deno.version.deno,
    pinned,
    load: Deno.loadavg()[0]!,
  };
}

/** The rounds of one contender as a row. */
export function toRow(
  about: Pick<Row, "contender" | "product" | "commands">,
  results: readonly Result[],
  figures: readonly { readonly of: (result: Result) => number | undefined }[],
): Row {
  const rounds = results.map((result) =>
    figures.map(({ of }) => of(result)).map((value) =>
      Number.isFinite(value) ? round(value!) : null
    )
  );
  const medians = figures.map((_, column) => {
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

/** Four digits: more would only be noise. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
