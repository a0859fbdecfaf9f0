/**
 * Draws what servers send by the number of servers, with the fitted curves, on logarithmic axes. The SVG is legible
 * on light and dark pages.
 *
 * @module
 */
import { valueOf } from "./fit.ts";
import { NETWORKS } from "../networks.ts";
import { formatBytes, formatNumber } from "./numbers.ts";
import { curvesOf, isTypical, type ScaleReport, switchAt, trafficPoints } from "./report.ts";

const WIDTH = 760;
const HEIGHT = 440;
const LEFT = 96;
const RIGHT = 24;
const TOP = 84;
const BOTTOM = 56;

const STYLE = `
  svg { --page: #ffffff; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0;
        --s0: #cf222e; --s1: #0969da; --s2: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --text: #e6edf3; --quiet: #9198a1; --line: #3d444d;
          --s0: #f85149; --s1: #4493f8; --s2: #3fb950; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--text); }
  .page { fill: var(--page); }
  .title { font-size: 20px; font-weight: 600; }
  .quiet { fill: var(--quiet); }
  .axis { stroke: var(--line); }
  .switch { stroke: var(--quiet); stroke-dasharray: 4 4; }
`;

/** Draws the chart. */
export function drawScale({ results }: ScaleReport): string {
  const networks = [...new Set(results.map(({ plan }) => plan.network))];
  const curves = curvesOf(results);
  const points = networks.map((network) => trafficPoints(results, network));
  const all = points.flat();
  const x = scale(all.map(({ x }) => x), LEFT, WIDTH - RIGHT);
  const y = scale(all.map(({ y }) => y), HEIGHT - BOTTOM, TOP);
  const crossing = switchAt(curves);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" ` +
    `height="${HEIGHT}" role="img" aria-label="What a server sends, by the number of servers">`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${HEIGHT}"/>`,
    text(24, 36, "title", "What a server sends to others in a second"),
    ...networks.map((network, at) =>
      `<text x="${24 + 140 * at}" y="62"><tspan style="fill: var(--s${at})">● </tspan><tspan>${
        NETWORKS.get(network)!.title
      }</tspan></text>`
    ),
    ...ticks(y.least, y.most).flatMap((value) => [
      line("axis", LEFT, y.of(value), WIDTH - RIGHT, y.of(value)),
      text(LEFT - 8, y.of(value) + 4, "quiet", formatBytes(value), "end"),
    ]),
    ...ticks(x.least, x.most).map((value) =>
      text(x.of(value), HEIGHT - BOTTOM + 20, "quiet", formatNumber(value), "middle")
    ),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "quiet", "servers", "middle"),
    ...(crossing !== undefined && crossing > x.least && crossing < x.most
      ? [
        line("switch", x.of(crossing), TOP, x.of(crossing), HEIGHT - BOTTOM),
        text(x.of(crossing) + 6, TOP + 14, "quiet", `${crossing.toFixed(0)} servers`),
      ]
      : []),
    ...networks.flatMap((network, at) => {
      const own = points[at]!;
      const law = curves.find((curve) => curve.network === network && curve.by === "servers")?.law;
      const fitted = own.map(({ x }) => x).filter((servers) => isTypical({ network, servers }));
      const ends = [Math.min(...fitted), Math.max(...fitted)];
      return [
        ...law
          ? [
            `<line style="stroke: var(--s${at})" x1="${x.of(ends[0]!).toFixed(1)}" y1="${
              y.of(valueOf(law, ends[0]!)).toFixed(1)
            }" x2="${x.of(ends[1]!).toFixed(1)}" y2="${y.of(valueOf(law, ends[1]!)).toFixed(1)}"/>`,
          ]
          : [],
        ...own.map((point) =>
          `<circle style="fill: var(--s${at})" cx="${x.of(point.x).toFixed(1)}" cy="${
            y.of(point.y).toFixed(1)
          }" r="4"/>`
        ),
      ];
    }),
    "</svg>",
    "",
  ].join("\n");
}

/** Returns a logarithmic axis for values. */
function scale(values: readonly number[], from: number, to: number) {
  const least = Math.min(...values) / 1.2;
  const most = Math.max(...values) * 1.2;
  const of = (value: number) =>
    from + (to - from) * Math.log(value / least) / Math.log(most / least);
  return { least, most, of };
}

/** Returns 1, 2 and 5 times the powers of ten in a range. */
function ticks(least: number, most: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
    found.push(...[1, 2, 5].map((digit) => digit * 10 ** power));
  }
  const within = found.filter((value) => value >= least && value <= most);
  return within.length > 8 ? within.filter((value) => String(value).startsWith("1")) : within;
}

function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${
    x2.toFixed(1)
  }" y2="${y2.toFixed(1)}"/>`;
}

function text(x: number, y: number, kind: string, said: string, anchor = "start"): string {
  return `<text x="${x.toFixed(1)}" y="${
    y.toFixed(1)
  }" class="${kind}" text-anchor="${anchor}">${said}</text>`;
}
