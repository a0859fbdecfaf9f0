/**
 * Figures as people read them, the same in tables, charts and pages. Pure.
 *
 * @module
 */
import type { Machine, Report, Row, ScenarioReport } from "../report.ts";
import type { Figure, Unit } from "../scenarios.ts";

/** A figure without its unit: three digits that count, thousands with commas. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  const rounded = digits >= 0 ? value : Number(value.toPrecision(3));
  const fraction = Math.min(2, Math.max(0, digits));
  return rounded.toLocaleString("en", {
    minimumFractionDigits: fraction,
    maximumFractionDigits: fraction,
  });
}

/** A figure with its unit, short: `1.63 M/s`, `22.4 µs`. */
export function formatShort(value: number, unit: Unit): string {
  if (unit !== "messages/s") return `${formatNumber(value)} ${unit === "bytes" ? "B" : unit}`;
  if (value >= 1e6) return `${formatNumber(value / 1e6)} M/s`;
  return value >= 1e3 ? `${formatNumber(value / 1e3)} k/s` : `${formatNumber(value)} /s`;
}

/** The title of a column. */
export function columnTitle({ name, unit }: Figure): string {
  if (name === "") return unit;
  return unit === "messages/s" ? name : `${name} (${unit})`;
}

/** What is to be said of a row besides its figures. */
export function noteOf({ failure, generatorBound }: Row): string {
  if (failure !== undefined) return `failed: ${failure}`;
  return generatorBound ? "generator-bound" : "";
}

/** The lowest and the highest round of the first figure. */
export function spreadOf({ rounds }: Row): string {
  const first = rounds.map(([value]) => value).filter((value) => value != null);
  if (first.length < 2) return "";
  return `${formatNumber(Math.min(...first))} to ${formatNumber(Math.max(...first))}`;
}

/** The titles of a scenario's columns, and whether they hold numbers. */
export function columnsOf(
  { figures, rows }: ScenarioReport,
): { title: string; align: "left" | "right" }[] {
  return [
    { title: "", align: "left" },
    ...figures.map((figure) => ({ title: columnTitle(figure), align: "right" as const })),
    { title: "rounds", align: "right" },
    ...rows.some(({ serverCpu }) => serverCpu !== undefined)
      ? [{ title: "server", align: "right" as const }, {
        title: "generator",
        align: "right" as const,
      }]
      : [],
    ...rows.some((row) => noteOf(row) !== "") ? [{ title: "note", align: "left" as const }] : [],
  ];
}

/** A row's cells for {@linkcode columnsOf}. */
export function cellsOf(scenario: ScenarioReport, row: Row): string[] {
  const cpu = (share: number | undefined) =>
    share === undefined ? "" : `${Math.round(share * 100)} %`;
  const hasCpu = scenario.rows.some(({ serverCpu }) => serverCpu !== undefined);
  const hasNote = scenario.rows.some((other) => noteOf(other) !== "");
  return [
    row.contender,
    ...row.values.map((value) => value === null ? "-" : formatNumber(value)),
    spreadOf(row),
    ...hasCpu ? [cpu(row.serverCpu), cpu(row.generatorCpu)] : [],
    ...hasNote ? [noteOf(row)] : [],
  ];
}

/** With more programs than this that want a core, what is measured by the clock is not to be trusted. */
const BUSY = 0.5;

/** Where and with what it was measured, in two sentences or three. */
export function formatCircumstances(report: Report): string {
  const [what, ...rest] = circumstancesOf(report);
  return `${what}; ${rest.join(" ")}`;
}

/** The same in three parts: what, on which machine, and how. */
export function circumstancesOf(report: Report): [what: string, where: string, how: string] {
  const { date, machine, versions, rounds, seconds } = report;
  const products = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${date.slice(0, 10)}: ${products.join(", ")}`,
    `${formatMachine(machine)}.`,
    (machine.load > BUSY ? "Other programs ran as well: compare per second of CPU. " : "") +
    (rounds === 1 ? `One round of ${seconds} s.` : `Medians of ${rounds} rounds of ${seconds} s.`),
  ];
}

function formatMachine({ cpu, cores, system, deno, pinned, load }: Machine): string {
  const where = pinned ? "servers on core 0, generator on core 1" : "nothing pinned to a core";
  return `Deno ${deno}, ${cpu}, ${cores} cores, ${system}, ${where}, ` +
    `load before it began ${load.toFixed(1)}`;
}
