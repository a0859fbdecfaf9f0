/**
 * The table of servers for people: what each took, now and lately, and which one is in use. Owns how it
 * looks; what the figures mean is the estimator's.
 *
 * @module
 */
import { bold, dim, green, red, table, yellow } from "@netlab/cli";
import type { Round } from "./rounds.ts";
import type { ServerState } from "./chooser.ts";

const BARS = "▁▂▃▄▅▆▇█";
/** What all columns but the picture take at most. */
const OTHER_COLUMNS = 62;
/** The picture is no longer than this, five minutes, and no shorter. */
const MAX_PICTURE = 30;
const MIN_PICTURE = 6;

/**
 * The table as lines, the server in use marked.
 *
 * @param columns How wide the terminal is.
 */
export function serverTable(round: Round, columns = 80): string[] {
  const { decision } = round;
  const servers = round.servers.toSorted((a, b) => a.server < b.server ? -1 : 1);
  const width = Math.max(MIN_PICTURE, Math.min(MAX_PICTURE, columns - OTHER_COLUMNS));
  const recent = servers.map(({ times }) => times.history.slice(-width));
  const highest = Math.max(...recent.flat().map((ms) => ms ?? 0));
  const rows = servers.map((state, index) => {
    const { times, load } = state;
    const used = state.server === decision.server;
    return [
      used ? green("▸") : "",
      used ? bold(state.name) : state.name,
      now(state),
      figure(times.lowMs),
      figure(times.meanMs),
      figure(times.p95Ms),
      times.loss > 0 ? yellow(percent(times.loss)) : percent(times.loss),
      load === undefined ? "" : String(load),
      picture(recent[index]!, highest, state.trouble),
    ];
  });
  const right = (title: string) => ({ title, align: "right" as const });
  return table([
    { title: "" },
    { title: "server" },
    ...["now", "low", "mean", "p95", "loss", "users"].map(right),
    { title: "lately" },
  ], rows);
}

/** A round in one line, where a table that changes cannot be shown. */
export function roundLine({ time, servers, decision }: Round): string {
  const clock = time.toTimeString().slice(0, 8);
  const times = servers.map(({ name, server, nowMs, times, trouble }) => {
    const mark = server === decision.server ? "*" : "";
    return `${mark}${name} ${trouble ?? `${figure(nowMs ?? times.lowMs)} ms`}`;
  });
  return `${clock}  ${times.join(", ")}  ${decision.line}`;
}

/** A line that fits: one that wraps would take two rows. */
export function clip(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}

function now({ nowMs, times, trouble }: ServerState): string {
  if (trouble !== undefined) return red("–");
  // Not asked in this round, as it cannot win: what it took last stands, dimmed.
  return typeof nowMs === "number" ? figure(nowMs) : dim(figure(times.lastMs));
}

function figure(ms: number | undefined): string {
  if (ms === undefined) return "";
  return ms.toFixed(ms < 10 ? 2 : 1);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** A bar a round, as high as it took long, and a cross where the server went away; what its trouble is. */
function picture(
  history: readonly (number | undefined)[],
  highest: number,
  trouble: string | undefined,
): string {
  const bars = history.map((ms) => {
    if (ms === undefined) return red("×");
    return BARS[Math.min(BARS.length - 1, Math.floor(ms / highest * BARS.length))];
  }).join("");
  return trouble === undefined ? bars : `${bars} ${red(trouble)}`.trimStart();
}
