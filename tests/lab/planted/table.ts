/**
 * The table of planted bugs in `docs/simulation.md`: for each bug, a simulated network that notices it.
 *
 * @module
 */
import { makePlan } from "@netlab/lab/simulator";
import type { BugResult, BugTask } from "./bug_worker.ts";

/** The page with the table. */
export const PAGE = new URL("../../../docs/simulation.md", import.meta.url);
/** Seeds from 1 to this number are tried. */
export const SEEDS = 500;

const HEADER = ["bug", "what goes wrong", "planted in", "seed", "what the checker says"];

/** A row of the table. */
export interface BugRow {
  /** The name of the bug. */
  readonly name: string;
  /** What goes wrong. */
  readonly what: string;
  /** The module. */
  readonly file: string;
  /** The seed of a network that notices it. */
  readonly seed: number;
  /** What the checker says about it, in general. */
  readonly finding: string;
}

/** Runs seeds with a bug in a new worker. Bugs never leave their worker. */
export async function runBug(task: BugTask): Promise<BugResult> {
  const worker = new Worker(new URL("./bug_worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<BugResult>) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(task);
    });
  } finally {
    worker.terminate();
  }
}

/** The seeds from 1 to {@linkcode SEEDS}, those of small networks and short runs first. */
export function seedsBySize(): number[] {
  const size = (seed: number) => {
    const { servers, users, stormMs } = makePlan(seed);
    return servers * (servers + users) * stormMs;
  };
  const sizes = new Map(Array.from({ length: SEEDS }, (_, i) => [i + 1, size(i + 1)]));
  return [...sizes.keys()].sort((a, b) => sizes.get(a)! - sizes.get(b)!);
}

/** Returns what a checker said in general: without numbers and names. */
export function generalise(finding: string): string {
  return finding
    .replace(/[\d.]+:5001/g, "a server")
    .replace(/(User|Guest) \d+/g, "a user")
    .replace(/\b\d+ (messages?|of the)/g, "$1")
    .replace(/(^|; )\d+ /g, "$1");
}

/** Formats the table in Markdown. */
export function formatTable(rows: readonly BugRow[]): string {
  const cells = rows.map(({ name, what, file, seed, finding }) => [
    name,
    what,
    `[${file.split("/").slice(-2).join("/")}](../${file})`,
    `${seed}`,
    finding,
  ]);
  const widths = HEADER.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]!.length))
  );
  const line = (row: readonly string[]) =>
    `| ${
      row.map((cell, i) => i === 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join(
        " | ",
      )
    } |`;
  const rule = widths.map((width, i) => i === 3 ? `${"-".repeat(width - 1)}:` : "-".repeat(width));
  return [line(HEADER), `| ${rule.join(" | ")} |`, ...cells.map(line)].join("\n");
}

/** Reads the table of a page. */
export function readTable(page: string): BugRow[] {
  const lines = page.slice(page.indexOf(`| ${HEADER[0]}`)).split("\n");
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(2, end).map((line) => {
    const [name, what, link, seed, finding] = line.slice(1, -1).split("|").map((cell) =>
      cell.trim()
    );
    const file = /\]\(\.\.\/(.*)\)/.exec(link!)![1]!;
    return { name: name!, what: what!, file, seed: Number(seed), finding: finding! };
  });
}

/** Puts a table in the place of the one on a page. */
export function replaceTable(page: string, table: string): string {
  const start = page.indexOf(`| ${HEADER[0]}`);
  const rest = page.slice(start).split("\n");
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return page.slice(0, start) + [table, ...rest.slice(end)].join("\n");
}
