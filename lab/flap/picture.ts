/**
 * Draws replays of a trace, for the terminal and as SVG: the latency of each server, and which server each
 * policy used.
 *
 * @module
 */
import { bold, cyan, dim, green, red, sparkline, yellow } from "@netlab/terminal";
import { percentile } from "../statistics.ts";
import type { Replay } from "./replay.ts";
import type { Trace } from "./trace.ts";

/** What to draw. */
export interface Picture {
  /** The trace. */
  readonly trace: Trace;
  /** The replay of the trace for each policy. */
  readonly replays: readonly Replay[];
}

const INKS = [green, cyan, yellow, red];
/** This share of all latencies fits into the picture. Higher ones are clipped. */
const CLIP_SHARE = 0.98;

/**
 * Draws one line of bars for each server, and one line for each policy with the letters of the servers that
 * it used. A letter is in lower case where the policy moved.
 *
 * @param columns The width of the terminal, in columns.
 * @returns The lines, with colors.
 */
export function drawTerminal({ trace, replays }: Picture, columns: number): string[] {
  const labels = ["", ...replays.map(({ policy }) => policy)].map(({ length }) => length);
  const width = Math.max(10, columns - Math.max(...labels) - 3);
  const slices = slicesOf(trace.rounds.length, width);
  const top = clipMs(trace);
  const line = (label: string, cells: string[]) =>
    `${label.padEnd(Math.max(...labels) + 2)}${cells.join("")}`;
  const servers = trace.servers.map((_, server) =>
    line(
      letter(server),
      sparkline(slices.map(([from, to]) => mean(trace, server, from, to)), top)
        .map((bar) => bar === undefined ? red("×") : ink(server)(bar)),
    )
  );
  const policies = replays.map(({ policy, used }) =>
    line(
      policy,
      slices.map(([from, to]) => {
        const here = used.slice(from, to);
        const server = here.at(-1)!;
        if (server < 0) return " ";
        const moved = here.some((other) => other !== server) || used[from - 1] !== here[0];
        const mark = moved && from > 0 ? letter(server).toLowerCase() : letter(server);
        return ink(server)(mark);
      }),
    )
  );
  const legend = trace.servers.map((server, at) => `${letter(at)} ${server}`).join("   ");
  return [
    bold(trace.name) + dim(`   ${formatSpan(trace)}; bars up to ${top.toFixed(0)} ms`),
    ...trace.servers.some((server, at) => server !== letter(at)) ? [dim(legend)] : [],
    ...servers,
    ...policies,
  ];
}

const WIDTH = 960;
const MARGIN = 24;
const LABEL = 72;
const FIGURES = 176;
const PLOT_TOP = 84;
const PLOT_HEIGHT = 200;
const BAND_TOP = PLOT_TOP + PLOT_HEIGHT + 40;
const BAND = 18;
const BAND_STEP = 30;
const PLOT_WIDTH = WIDTH - 2 * MARGIN - LABEL - FIGURES;
const PLOT_LEFT = MARGIN + LABEL;

const STYLE = `
  svg { --page: #ffffff; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0;
        --s0: #1a7f37; --s1: #0969da; --s2: #bf8700; --s3: #cf222e; --s4: #8250df; --s5: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --text: #e6edf3; --quiet: #9198a1; --line: #3d444d;
          --s0: #3fb950; --s1: #4493f8; --s2: #d29922; --s3: #f85149; --s4: #ab7df8; --s5: #f0883e; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--text); }
  .page { fill: var(--page); }
  .title { font-size: 20px; font-weight: 600; }
  .quiet { fill: var(--quiet); }
  .label { text-anchor: end; }
  .netlab { font-weight: 600; }
  .axis { stroke: var(--line); }
  polyline { fill: none; stroke-width: 1.2; }
`;
const COLORS = 6;

/** Draws an SVG document that is legible on light and dark pages. */
export function drawSvg({ trace, replays }: Picture): string {
  const { rounds, servers } = trace;
  const slices = slicesOf(rounds.length, PLOT_WIDTH);
  const top = clipMs(trace);
  const height = BAND_TOP + replays.length * BAND_STEP + MARGIN;
  const x = (slice: number) => (PLOT_LEFT + slice * PLOT_WIDTH / slices.length).toFixed(1);
  const y = (ms: number) => (PLOT_TOP + PLOT_HEIGHT * (1 - Math.min(ms, top) / top)).toFixed(1);
  const lines = servers.flatMap((_, server) =>
    runs(slices.map(([from, to]) => mean(trace, server, from, to))).map(({ start, values }) =>
      `<polyline style="stroke: var(--s${server % COLORS})" points="${
        values.map((ms, at) => `${x(start + at + 0.5)},${y(ms)}`).join(" ")
      }"/>`
    )
  );
  const bands = replays.flatMap(({ policy, used, moves, regretMs }, index) => {
    const at = BAND_TOP + index * BAND_STEP;
    const label = policy === "netlab" ? "label netlab" : "label";
    return [
      text(PLOT_LEFT - 8, at + 13, label, policy),
      ...stretches(used, PLOT_WIDTH / rounds.length).map(({ server, left, width }) =>
        `<rect style="fill: var(--s${server % COLORS})" x="${
          (PLOT_LEFT + left).toFixed(1)
        }" y="${at}" width="${width.toFixed(1)}" height="${BAND}"/>`
      ),
      text(
        PLOT_LEFT + PLOT_WIDTH + 12,
        at + 13,
        policy === "netlab" ? "netlab" : "",
        `${moves} ${moves === 1 ? "move" : "moves"}, ${regretMs.toFixed(2)} ms lost`,
      ),
    ];
  });
  const legend = servers.map((server, index) =>
    `<tspan style="fill: var(--s${index % COLORS})">● </tspan><tspan>${escape(server)}   </tspan>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `width="${WIDTH}" height="${height}" role="img" aria-label="Which server each policy used">`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(MARGIN, MARGIN + 16, "title", "Which server each policy used"),
    text(MARGIN, MARGIN + 38, "quiet", `${trace.name}, ${formatSpan(trace)}`),
    `<text x="${PLOT_LEFT}" y="${PLOT_TOP + PLOT_HEIGHT + 24}" xml:space="preserve">${
      legend.join("")
    }</text>`,
    ...[0, 0.5, 1].flatMap((share) => [
      `<line class="axis" x1="${PLOT_LEFT}" x2="${PLOT_LEFT + PLOT_WIDTH}" y1="${
        y(share * top)
      }" ` +
      `y2="${y(share * top)}"/>`,
      text(
        PLOT_LEFT - 8,
        Number(y(share * top)) + 4,
        "label quiet",
        `${(share * top).toFixed(0)} ms`,
      ),
    ]),
    ...lines,
    ...bands,
    "</svg>",
    "",
  ].join("\n");
}

/** Divides rounds into at most `room` slices, each with its first round and the one after its last. */
function slicesOf(rounds: number, room: number): [number, number][] {
  const count = Math.min(rounds, Math.floor(room));
  const at = (slice: number) => Math.round(slice * rounds / count);
  return Array.from({ length: count }, (_, slice) => [at(slice), at(slice + 1)]);
}

/** Returns the mean latency of a server in some rounds. `undefined` if it was down in all of them. */
function mean(trace: Trace, server: number, from: number, to: number): number | undefined {
  const times = trace.rounds.slice(from, to).map(({ times, levels = times }) => levels[server]!)
    .filter((ms) => ms !== null);
  return times.length === 0 ? undefined : times.reduce((sum, ms) => sum + ms, 0) / times.length;
}

function clipMs({ rounds }: Trace): number {
  const times = rounds.flatMap(({ times, levels = times }) => levels.filter((ms) => ms !== null));
  if (times.length === 0) return 0.1;
  return Math.max(0.1, percentile(times.sort((a, b) => a - b), CLIP_SHARE));
}

/** Splits values into runs without gaps. */
function runs(values: readonly (number | undefined)[]): { start: number; values: number[] }[] {
  const found: { start: number; values: number[] }[] = [];
  values.forEach((value, at) => {
    if (value === undefined) return;
    const last = found.at(-1);
    if (last && last.start + last.values.length === at) last.values.push(value);
    else found.push({ start: at, values: [value] });
  });
  return found;
}

/** Joins successive rounds in which the same server was used. */
function stretches(used: readonly number[], scale: number) {
  const found: { server: number; left: number; width: number }[] = [];
  used.forEach((server, round) => {
    const last = found.at(-1);
    if (last?.server === server) last.width += scale;
    else found.push({ server, left: round * scale, width: scale });
  });
  return found.filter(({ server }) => server >= 0);
}

function formatSpan({ rounds }: Trace): string {
  const minutes = (rounds.at(-1)!.at - rounds[0]!.at) / 60_000;
  return minutes >= 120 ? `${(minutes / 60).toFixed(0)} hours` : `${minutes.toFixed(0)} minutes`;
}

const letter = (server: number) => String.fromCharCode("A".charCodeAt(0) + server % 26);
const ink = (server: number) => INKS[server % INKS.length]!;

function text(x: number, y: number, classes: string, said: string): string {
  return `<text x="${x}" y="${y}"${classes && ` class="${classes}"`}>${escape(said)}</text>`;
}

function escape(said: string): string {
  return said.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
