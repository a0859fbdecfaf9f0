/**
 * Rates and round-trip times of the last ten minutes, of the network or of the selected server.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { html } from "../../common/view.ts";
import { onPaletteChange, type Palette, palette } from "../graph/palette.ts";
import { type History, HISTORY_SECONDS, historySeconds } from "../model/history.ts";
import type { Figure } from "../model/server.ts";
import type { Watcher } from "../watch/watcher.ts";
import { clock, milliseconds, rate } from "./figures.ts";

/** The height of a chart: pixels. */
const HEIGHT = 128;
/** A chart that has begun shows this much time at least: seconds. */
const LEAST_SECONDS = 60;

/** A line of a chart. */
interface Line {
  readonly name: string;
  readonly figure: Figure;
  readonly colour: keyof Palette;
}

const RATES: readonly Line[] = [
  { name: "received", figure: "received", colour: "accent-text" },
  { name: "delivered", figure: "delivered", colour: "good" },
  { name: "forwarded", figure: "forwarded", colour: "warn" },
];
const TIMES: readonly Line[] = [
  { name: "median", figure: "rtt", colour: "accent-text" },
  { name: "slowest", figure: "slowest", colour: "warn" },
];

const NO_TIMES = "No link is measured; rtt servers do that.";

/** Shows the charts. */
export function Charts({ watcher: { network, selection } }: { watcher: Watcher }): unknown {
  const one = selection.to === undefined && selection.from !== undefined
    ? network.servers.get(selection.from)
    : undefined;
  const whose = one ? network.nameOf(one.id) : "all servers";
  const history = one?.history ?? network.history;
  const key = one?.id ?? "";
  return html`
    <div class="charts">
      <${Chart} key=${`rates ${key}`} title="Messages per second" whose=${whose} history=${history}
        lines=${RATES} format=${rate} />
      <${Chart} key=${`times ${key}`} title="Round-trip times" whose=${whose} history=${history}
        lines=${TIMES} format=${milliseconds} none=${NO_TIMES} />
    </div>
  `;
}

interface ChartProps {
  readonly title: string;
  readonly whose: string;
  readonly history: History<Figure>;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** What is said if there are no values. */
  readonly none?: string;
}

function Chart({ title, whose, history, lines, format, none }: ChartProps): unknown {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const second = Math.floor(Date.now() / 1_000);
  useEffect(() => {
    const element = box.current!;
    const draw = () => {
      chart.current?.destroy();
      chart.current = new uPlot(
        optionsOf(history, lines, format, element.clientWidth, palette()),
        dataOf(history, lines),
        element,
      );
    };
    draw();
    const resized = new ResizeObserver(() => {
      chart.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    resized.observe(element);
    const end = onPaletteChange(draw);
    return () => {
      resized.disconnect();
      end();
      chart.current?.destroy();
    };
  }, [history]);
  useEffect(() => chart.current?.setData(dataOf(history, lines)), [second]);
  const now = Date.now() - 1_000;
  const last = lines.map(({ figure }) => history.values(figure, now).findLast((v) => v !== null));
  const summary = lines.map(({ name }, at) =>
    `${name} ${last[at] === undefined || last[at] === null ? "unknown" : format(last[at])}`
  );
  return html`
    <section class="chart card">
      <header>
        <h2>${title}</h2>
        <span class="muted">${whose}</span>
        <ul class="legend">
          ${lines.map(({ name, colour }, at) =>
            html`
              <li key=${name}>
                <i class=${`line ${colour}`} aria-hidden="true"></i>${name}
                <b>${last[at] === undefined || last[at] === null ? "–" : format(last[at])}</b>
              </li>
            `
          )}
        </ul>
      </header>
      <div class="plot" ref=${box} role="img"
        aria-label=${`${title} of the last ten minutes: ${summary.join(", ")}`}></div>
      ${none !== undefined && last.every((value) => value === undefined)
        ? html`<p class="none">${none}</p>`
        : null}
    </section>
  `;
}

function dataOf(history: History<Figure>, lines: readonly Line[]): uPlot.AlignedData {
  const now = Date.now();
  return [
    historySeconds(now),
    ...lines.map(({ figure }) => joined(history.values(figure, now))),
  ] as uPlot.AlignedData;
}

/** Returns the time at the left: that of the first figures; seconds since 1970. */
function firstOf(history: History<Figure>, end: number): number {
  const first = Math.max(history.first, end - HISTORY_SECONDS + 1);
  return Math.min(first, end - LEAST_SECONDS);
}

function timeOf(second: number): string {
  const text = clock(second * 1_000);
  return second % 60 === 0 ? text.slice(0, 5) : text;
}

/** Joins gaps of a few seconds: servers of large networks are not asked every second. */
function joined(values: (number | null)[]): (number | null | undefined)[] {
  let last = -Infinity;
  return values.map((value, at) => {
    if (value !== null) last = at;
    return value ?? (at - last < 5 ? undefined : null);
  });
}

function optionsOf(
  history: History<Figure>,
  lines: readonly Line[],
  format: (value: number) => string,
  width: number,
  colours: Palette,
): uPlot.Options {
  const font = "11px ui-sans-serif, system-ui, sans-serif";
  const axis = {
    stroke: colours.muted,
    font,
    grid: { stroke: colours.border, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 22, 0, 0],
    scales: {
      x: { time: true, range: (_, __, end) => [firstOf(history, end), end] },
      y: { range: (_, __, most) => [0, Math.max(most * 1.15, 1)] },
    },
    axes: [
      { ...axis, space: 70, size: 24, values: (_, ticks) => ticks.map(timeOf) },
      {
        ...axis,
        size: 58,
        space: 26,
        values: (_, ticks) => ticks.map((value) => format(value).replace(/\.0+(?=\D|$)/, "")),
      },
    ],
    series: [
      {},
      ...lines.map(({ colour }) => ({
        stroke: colours[colour],
        width: 1.75,
        points: { show: false },
      })),
    ],
  };
}
