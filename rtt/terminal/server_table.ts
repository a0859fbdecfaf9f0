/**
 * The table of servers for people: what each took, now and lately, and which one is in use. Owns how it
 * looks; what the figures mean is the estimator's.
 *
 * @module
 */
import { bold, dim, displayWidth, green, red, table, yellow } from "@netlab/terminal";
import type { Round } from "../client/rounds.ts";
import type { ServerState } from "../core/chooser.ts";

const BARS = "▁▂▃▄▅▆▇█";
/** The picture is no longer than this: five minutes. */
const MAX_PICTURE = 30;
/** The title of the picture. Without room for it, there is no picture. */
const PICTURE_TITLE = "lately";

/**
 * The table as lines, the server in use marked.
 *
 * @param columns How wide it may be.
 */
export function serverTable(round: Round, columns = 80): string[] {
  const servers = round.servers.toSorted((a, b) => a.server < b.server ? -1 : 1);
  const right = (title: string) => ({ title, align: "right" as const });
  const titles = ["now", "low", "mean", "p95", "loss", "users"].map(right);
  const figures = servers.map((state) => figuresOf(state, state.server === round.decision.server));
  const without = table([{ title: "" }, { title: "server" }, ...titles], figures);
  // Two columns between, and one that stays free, so that no line wraps.
  const room = columns - Math.max(...without.map(displayWidth)) - 3;
  const width = room < PICTURE_TITLE.length ? 0 : Math.min(MAX_PICTURE, room);
  const highest = Math.max(...servers.flatMap(({ history }) => history.map((ms) => ms ?? 0)));
  return table(
    [{ title: "" }, { title: "server" }, ...titles, { title: width > 0 ? PICTURE_TITLE : "" }],
    servers.map((state, index) => [
      ...figures[index]!,
      width > 0 ? picture(state, highest, width) : "",
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

/** A round in one line, where a table that changes cannot be shown. */
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
  // Not asked in this round, as it cannot win: what it took last stands, dimmed.
  return typeof nowMs === "number" ? figure(nowMs) : dim(figure(times.lastMs));
}

function figure(ms: number | undefined): string {
  if (ms === undefined) return "";
  return ms.toFixed(ms < 10 ? 2 : 1);
}

/**
 * A bar a round, as high as it took long, the last one dimmed where the server was not asked; a cross where
 * it did not answer; and what its trouble is.
 */
function picture({ history, trouble = "" }: ServerState, highest: number, width: number): string {
  const said = trouble.slice(0, width);
  const room = width - (said === "" ? 0 : said.length + 1);
  let last: string | undefined;
  const bars = history.map((ms) => {
    if (ms === undefined) return last ? dim(last) : " ";
    if (ms === null) return red(last = "×");
    return last = BARS[Math.min(BARS.length - 1, Math.floor(ms / highest * BARS.length))]!;
  });
  return [room > 0 ? bars.slice(-room).join("") : "", red(said)].join(" ").trimStart();
}
