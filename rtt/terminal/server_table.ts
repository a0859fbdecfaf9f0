/**
 * The table of servers: the round-trip times of each, now and recently, and which server is in use. Owns how
 * the table looks. The estimator defines what the figures mean.
 *
 * @module
 */
import {
  bold,
  clip,
  dim,
  displayWidth,
  green,
  red,
  sparkline,
  table,
  yellow,
} from "@netlab/terminal";
import type { Round } from "../client/rounds.ts";
import type { ServerState } from "../core/chooser.ts";

/** The most columns of the bar chart: one per round, which is five minutes. */
const MAX_CHART_COLUMNS = 30;
/** The title of the bar chart. If there is no room for the title, the chart is left out. */
const CHART_TITLE = "lately";

/**
 * The lines of the table. The server in use is marked.
 *
 * @param columns The width of the window.
 */
export function serverTable(round: Round, columns = 80): string[] {
  const servers = round.servers.toSorted((a, b) => a.server < b.server ? -1 : 1);
  const right = (title: string) => ({ title, align: "right" as const });
  const titles = ["now", "low", "mean", "p95", "loss", "users"].map(right);
  const figures = servers.map((state) => figuresOf(state, state.server === round.decision.server));
  const without = table([{ title: "" }, { title: "server" }, ...titles], figures);
  // Leaves two columns for the gap, and the last column free so that no line wraps.
  const room = columns - Math.max(...without.map(displayWidth)) - 3;
  const width = room < CHART_TITLE.length ? 0 : Math.min(MAX_CHART_COLUMNS, room);
  const highest = Math.max(...servers.flatMap(({ history }) => history.map((ms) => ms ?? 0)));
  return table(
    [{ title: "" }, { title: "server" }, ...titles, { title: width > 0 ? CHART_TITLE : "" }],
    servers.map((state, index) => [
      ...figures[index]!,
      width > 0 ? chart(state, highest, width) : "",
    ]),
  );
}

function figuresOf(state: ServerState, used: boolean): string[] {
  const { name, times, load } = state;
  const loss = `${Math.round(100 * times.loss)} %`;
  return [
    used ? green("▸") : "",
    used ? bold(name) : name,
    now(state),
    figure(times.lowMs),
    figure(times.meanMs),
    figure(times.p95Ms),
    times.loss > 0 ? yellow(loss) : loss,
    load === undefined ? "" : String(load),
  ];
}

/** A round in one line, for output that is not a terminal. */
export function roundLine({ time, servers, decision }: Round): string {
  const clock = time.toTimeString().slice(0, 8);
  const times = servers.map(({ name, server, nowMs, times, trouble }) => {
    const mark = server === decision.server ? "*" : "";
    return `${mark}${name} ${trouble ?? `${figure(nowMs ?? times.lowMs)} ms`}`;
  });
  return `${clock}  ${times.join(", ")}  ${decision.line}`;
}

function now({ nowMs, times, trouble }: ServerState): string {
  if (trouble !== undefined) return red("–");
  // A server that cannot win is not asked in every round. Its last time is shown dimmed.
  return typeof nowMs === "number" ? figure(nowMs) : dim(figure(times.lastMs));
}

function figure(ms: number | undefined): string {
  if (ms === undefined) return "";
  return ms.toFixed(ms < 10 ? 2 : 1);
}

/**
 * The bar chart: one bar per round, as high as the round-trip time. Rounds in which the server was not asked
 * repeat the last bar, dimmed; rounds without an answer have a cross. The current trouble follows.
 */
function chart({ history, trouble = "" }: ServerState, highest: number, width: number): string {
  const text = clip(trouble, width);
  const room = width - (text === "" ? 0 : displayWidth(text) + 1);
  let last: string | undefined;
  const bars = sparkline(history, highest).map((bar, round) => {
    if (bar !== undefined) return last = bar;
    if (history[round] === null) return red(last = "×");
    return last ? dim(last) : " ";
  });
  return [room > 0 ? bars.slice(-room).join("") : "", red(text)].join(" ").trimStart();
}
