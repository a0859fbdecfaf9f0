/**
 * The results as SVG: a bar chart for each scenario, with netlab's bars in colour, for light and dark
 * pages.
 *
 * @module
 */
import { circumstancesOf, formatShort } from "./format.ts";
import type { Report, ScenarioReport } from "./report.ts";

const COLUMNS = 2;
const COLUMN_WIDTH = 560;
const GAP = 32;
const MARGIN = 24;
const TITLE_HEIGHT = 94;
const LABEL_WIDTH = 260;
const VALUE_WIDTH = 120;
const BAR_WIDTH = COLUMN_WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const ROW_HEIGHT = 22;
const HEAD_HEIGHT = 44;
const WIDTH = 2 * MARGIN + COLUMNS * COLUMN_WIDTH + (COLUMNS - 1) * GAP;

const STYLE = `
  svg { --page: #ffffff; --text: #1f2328; --quiet: #59636e; --own: #0969da; --other: #afb8c1; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --text: #e6edf3; --quiet: #9198a1; --own: #4493f8; --other: #57606a; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--text); }
  .page { fill: var(--page); }
  .title { font-size: 20px; font-weight: 600; }
  .head { font-size: 14px; font-weight: 600; }
  .quiet { fill: var(--quiet); }
  .own { fill: var(--own); }
  .other { fill: var(--other); }
  .label { text-anchor: end; }
  .netlab { font-weight: 600; }
`;

/** The chart. */
export function formatChart(report: Report): string {
  const parts: string[] = [];
  let y = TITLE_HEIGHT + MARGIN;
  for (let at = 0; at < report.scenarios.length; at += COLUMNS) {
    const line = report.scenarios.slice(at, at + COLUMNS);
    line.forEach((scenario, column) => {
      parts.push(...panel(scenario, MARGIN + column * (COLUMN_WIDTH + GAP), y));
    });
    y += Math.max(...line.map(({ rows }) => HEAD_HEIGHT + rows.length * ROW_HEIGHT)) + GAP;
  }
  const height = y - GAP + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `width="${WIDTH}" height="${height}" role="img" aria-label="netlab beside other servers">`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(MARGIN, MARGIN + 16, "title", "netlab beside other servers"),
    ...circumstancesOf(report).map((sentence, line) =>
      text(MARGIN, MARGIN + 40 + 18 * line, "quiet", sentence)
    ),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function panel({ title, figures, rows }: ScenarioReport, x: number, y: number): string[] {
  const column = Math.max(0, figures.findIndex(({ charted }) => charted));
  const { unit, better, name } = figures[column]!;
  const most = Math.max(0, ...rows.flatMap(({ values }) => values[column] ?? []));
  const what = [name, unit].filter((word) => word !== "").join(", ");
  const left = x + LABEL_WIDTH;
  return [
    text(x, y + 14, "head", title),
    text(x, y + 31, "quiet", `${what}; ${better === "more" ? "longer" : "shorter"} is better`),
    ...rows.flatMap(({ contender, product, values }, index) => {
      const top = y + HEAD_HEIGHT + index * ROW_HEIGHT;
      const value = values[column] ?? null;
      const width = Math.max(1, value === null || most === 0 ? 0 : value / most * BAR_WIDTH);
      const own = product === "netlab";
      return [
        text(left - 8, top + 11, own ? "label netlab" : "label", contender),
        `<rect class="${own ? "own" : "other"}" x="${left}" y="${top}" ` +
        `width="${width.toFixed(1)}" height="14" rx="2"/>`,
        text(
          left + width + 6,
          top + 11,
          own ? "netlab" : "",
          value === null ? "no figure" : formatShort(value, unit),
        ),
      ];
    }),
  ];
}

function text(x: number, y: number, kind: string, content: string): string {
  const style = kind === "" ? "" : ` class="${kind}"`;
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<text x="${x.toFixed(0)}" y="${y}"${style}>${escaped}</text>`;
}
