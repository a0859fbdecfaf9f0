/**
 * Figures and circumstances as text, for tables, charts and pages. Must not print.
 *
 * @module
 */
import type { Report, Row, ScenarioReport } from "./report.ts";
import type { Unit } from "./scenarios.ts";

/** A load average above this means that other programs were running. */
const BUSY = 0.5;

/** Three significant digits, at most two of them after the point, and commas between thousands. */
const number = new Intl.NumberFormat("en", {
  ...{ minimumSignificantDigits: 3, maximumSignificantDigits: 3 },
  ...{ minimumFractionDigits: 2, maximumFractionDigits: 2, roundingPriority: "lessPrecision" },
});

/** A figure without its unit. */
export function formatNumber(value: number): string {
  return value === 0 ? "0" : number.format(value);
}

/** A figure with its unit, as short as possible: `1.63 M/s`, `22.4 µs`. */
export function formatShort(value: number, unit: Unit): string {
  if (unit !== "messages/s") return `${formatNumber(value)} ${unit === "bytes" ? "B" : unit}`;
  if (value >= 1e6) return `${formatNumber(value / 1e6)} M/s`;
  return value >= 1e3 ? `${formatNumber(value / 1e3)} k/s` : `${formatNumber(value)} /s`;
}

/** A column of a table. */
export interface TableColumn {
  readonly title: string;
  readonly align: "left" | "right";
}

/** The table of a scenario. */
export function tableOf(
  { figures, rows }: ScenarioReport,
): { columns: TableColumn[]; cells: string[][] } {
  const right = (title: string): TableColumn => ({ title, align: "right" });
  const left = (title: string): TableColumn => ({ title, align: "left" });
  const hasCpu = rows.some(({ serverCpu }) => serverCpu !== undefined);
  const hasNote = rows.some((row) => noteOf(row) !== "");
  const percent = (share = NaN) => Number.isNaN(share) ? "" : `${(share * 100).toFixed(0)} %`;
  return {
    columns: [
      left(""),
      ...figures.map(({ name, unit }) =>
        right(name === "" ? unit : unit === "messages/s" ? name : `${name} (${unit})`)
      ),
      right("rounds"),
      ...hasCpu ? [right("server"), right("generator")] : [],
      ...hasNote ? [left("note")] : [],
    ],
    cells: rows.map((row) => [
      row.contender,
      ...row.values.map((value) => value === null ? "-" : formatNumber(value)),
      spreadOf(row),
      ...hasCpu ? [percent(row.serverCpu), percent(row.generatorCpu)] : [],
      ...hasNote ? [noteOf(row)] : [],
    ]),
  };
}

/** What a row says besides its figures. */
function noteOf({ failure, generatorBound }: Row): string {
  if (failure !== undefined) return `failed: ${failure}`;
  return generatorBound ? "generator-bound" : "";
}

/** The lowest and the highest round of the first figure. */
function spreadOf({ rounds }: Row): string {
  const first = rounds.map(([value]) => value).filter((value) => value != null);
  if (first.length < 2) return "";
  return `${formatNumber(Math.min(...first))} to ${formatNumber(Math.max(...first))}`;
}

/** What was measured, on which machine, and how. */
export function circumstancesOf(report: Report): [what: string, where: string, how: string] {
  const { date, versions, rounds, seconds } = report;
  const { deno, cpu, cores, system, pinned, load } = report.machine;
  const products = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const cpus = pinned ? "servers on core 0, generator on core 1" : "nothing bound to a core";
  const busy = load > BUSY ? "Other programs were running: compare per second of CPU. " : "";
  const times = rounds === 1 ? "One round" : `Medians of ${rounds} rounds`;
  return [
    `${date.slice(0, 10)}: ${products.join(", ")}`,
    `Deno ${deno}, ${cpu}, ${cores} cores, ${system}, ${cpus}, ` +
    `load average before the run ${load.toFixed(1)}.`,
    `${busy}${times} of ${seconds} s.`,
  ];
}

/** The circumstances in one paragraph. */
export function formatCircumstances(report: Report): string {
  const [what, ...rest] = circumstancesOf(report);
  return `${what}; ${rest.join(" ")}`;
}
