/**
 * `lab sim --ways`: networks with time on every link, many of them, and how soon and how well servers
 * found the ways through them. Owns the words; the runs are in `simulator/`.
 *
 * @module
 */
import { green, Live, print, red, table } from "@netlab/terminal";
import { count } from "../checker/report.ts";
import { runSeeds } from "../simulator/run_seeds.ts";
import type { Change, ChangeResult, RoutesResult } from "../simulator/routes/simulate_routes.ts";

/** Which networks are run. */
export interface RouteSimulations {
  /** The first seed. */
  readonly from: number;
  /** How many seeds. */
  readonly seeds: number;
  /** How many servers each network has; 5 to 200, by the seed, when `undefined`. */
  readonly servers: number | undefined;
  /** How many at one time. */
  readonly workers: number;
}

/** What the changes are, for people. */
const WORDS: Record<Change, string> = {
  start: "all servers start",
  measured: "they measure on",
  broken: "a link breaks",
  back: "it is back",
  silent: "a link falls silent",
  heard: "it is heard again",
  faster: "a link is ten times faster",
  slower: "and slow again",
};

/** Runs them; 0 when all was as it is to be, 1 when it was not, 2 when it was interrupted. */
export async function runRouteSimulations(
  runs: RouteSimulations,
  stop: AbortSignal,
): Promise<number> {
  const started = performance.now();
  const outcomes: RoutesResult[] = [];
  {
    using live = new Live(() => [`${outcomes.length} of ${runs.seeds} seeds`]);
    await runSeeds<RoutesResult>({
      ...runs,
      worker: new URL("../simulator/routes/routes_worker.ts", import.meta.url),
      message: (seed) => ({ seed, servers: runs.servers }),
      onResult: (outcome) => {
        outcomes.push(outcome);
        const { plan: { seed, servers, links }, problems, digest } = outcome;
        live.print(
          `seed ${seed}: ${servers} servers, ${links.length} links, digest ${digest}` +
            (problems.length === 0 ? "" : red(`  ${problems.join("; ")}`)),
        );
      },
    }, stop);
  }
  if (outcomes.length > 0) {
    print();
    for (const line of summary(outcomes)) print(line);
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  print(`${outcomes.length} seeds in ${seconds} s`);
  if (outcomes.some(({ problems }) => problems.length > 0)) return 1;
  if (stop.aborted) return 2;
  print(green("All ways were found in time, none is 5 % longer than the best, nothing was lost."));
  return 0;
}

function summary(outcomes: readonly RoutesResult[]): string[] {
  const rows = (Object.keys(WORDS) as Change[]).flatMap((change) => {
    const results = outcomes.flatMap(({ plan, changes }) =>
      changes.filter((result) => result.change === change)
        .map((result) => ({ ...result, links: plan.links.length }))
    );
    if (results.length === 0) return [];
    const median = (of: (result: ChangeResult & { links: number }) => number) =>
      results.map(of).sort((a, b) => a - b)[Math.floor(results.length / 2)]!;
    return [[
      WORDS[change],
      `${median(({ ms }) => ms)} ms`,
      `${Math.max(...results.map(({ ms }) => ms))} ms`,
      count(median(({ frames }) => frames)),
      median(({ frames, links }) => frames / links).toFixed(1),
      count(median(({ bytes }) => bytes)),
      Math.max(...results.map(({ worst }) => worst)).toFixed(3),
    ]];
  });
  const numbers = ["ways found", "at most", "frames", "a link", "bytes", "worst way"];
  return table(
    [{ title: "what happens" }, ...numbers.map((title) => ({ title, align: "right" as const }))],
    rows,
  );
}
