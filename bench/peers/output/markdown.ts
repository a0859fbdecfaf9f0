/**
 * Results in a page of Markdown, between two comments that mark their place. Pure.
 *
 * @module
 */
import type { Report, ScenarioReport } from "../report.ts";
import { cellsOf, columnsOf, formatCircumstances } from "./format.ts";

const BEGIN = "<!-- results: written by deno task bench:peers -->";
const END = "<!-- end of results -->";

/**
 * A page with other results than before.
 *
 * @throws {Error} When the page has no place for them.
 */
export function replaceResults(page: string, report: Report): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot find a place for the results: it lies between ${BEGIN} and ${END}`);
  }
  return `${page.slice(0, begin + BEGIN.length)}\n\n${formatMarkdown(report)}\n${page.slice(end)}`;
}

/** All tables. */
export function formatMarkdown(report: Report): string {
  const scenarios = report.scenarios.map((scenario) =>
    `### ${scenario.title}\n\n${wrap(scenario.about)}\n\n${formatTable(scenario)}\n`
  );
  return [`${wrap(formatCircumstances(report))}\n`, ...scenarios].join("\n");
}

function formatTable(scenario: ScenarioReport): string {
  const columns = columnsOf(scenario);
  const rows = scenario.rows.map((row) => cellsOf(scenario, row).map(escape));
  const widths = columns.map(({ title }, at) =>
    Math.max(3, ...[title, ...rows.map((row) => row[at]!)].map((cell) => cell.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${
      cells.map((cell, at) =>
        columns[at]!.align === "right" ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)
      ).join(" | ")
    } |`;
  const rule = columns.map(({ align }, at) =>
    align === "right" ? `${"-".repeat(widths[at]! - 1)}:` : "-".repeat(widths[at]!)
  );
  return [line(columns.map(({ title }) => title)), line(rule), ...rows.map(line)].join("\n");
}

function escape(cell: string): string {
  return cell.replace(/[|\\<]/g, "\\$&").replace(/\s+/g, " ");
}

/** Lines of at most 100 columns, as the formatter has them. */
function wrap(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= 100) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}
