/**
 * The results in a Markdown page, between two comments that mark their place.
 *
 * @module
 */
import { formatCircumstances, tableOf } from "./format.ts";
import type { Report, ScenarioReport } from "./report.ts";

const BEGIN = "<!-- results: written by deno task bench:peers -->";
const END = "<!-- end of results -->";

/**
 * The page with new results. `deno fmt` wraps its lines and aligns its tables.
 *
 * @throws {Error} When the page has no place for results, or `deno fmt` cannot be run.
 */
export async function replaceResults(page: string, report: Report): Promise<string> {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot find the place of the results: the page has no ${BEGIN} and ${END}`);
  }
  const results = [formatCircumstances(report), ...report.scenarios.map(formatScenario)];
  return await formatMarkdown(
    `${page.slice(0, begin + BEGIN.length)}\n\n${results.join("\n\n")}\n\n${page.slice(end)}`,
  );
}

function formatScenario(scenario: ScenarioReport): string {
  const { columns, cells } = tableOf(scenario);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    `### ${scenario.title}\n\n${scenario.about}\n`,
    line(columns.map(({ title }) => title)),
    line(columns.map(({ align }) => align === "right" ? "--:" : "---")),
    ...cells.map((row) => line(row.map((cell) => cell.replace(/[|\\<]/g, "\\$&")))),
  ].join("\n");
}

async function formatMarkdown(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "-"],
    cwd: new URL("../..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("Cannot format the page: deno fmt failed");
  return new TextDecoder().decode(stdout);
}
