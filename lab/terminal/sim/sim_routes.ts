/**
 * `lab sim --routes`: output. `simulator/routes/` runs the simulations.
 *
 * @module
 */
import { green, Live, print, red, table } from "@netlab/terminal";
import { count } from "../../checker/report.ts";
import { percentile } from "../../statistics.ts";
import { runSeeds } from "../../simulator/run_seeds.ts";
import type { Change, ChangeResult, RoutesResult } from "../../simulator/routes/simulate_routes.ts";

/** Which networks to simulate. */
export interface RouteSimulations {
  /** The first seed. */
  readonly from: number;
  /** The number of seeds. */
  readonly seeds: number;
  /** The number of servers of each network. `undefined` for 5 to 200, by the seed. */
  readonly servers: number | undefined;
  /** How many seeds run at once. */
  readonly workers: number;
}

/** Descriptions of the changes. */
const WORDS: Record<Change, string> = {
  start: "all servers start",
  measured: "servers keep measuring",
  broken: "a link breaks",
  back: "the link is back",
  silent: "a link falls silent",
  heard: "the link is heard again",
  faster: "a link is ten times faster",
  slower: "the link is slow again",
};

/**
 * Runs `lab sim --routes`.
 *
 * @returns The exit code: 0 if all requirements were met, 1 if not, 2 if it was interrupted.
 */
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
      worker: new URL("../../simulator/routes/routes_worker.ts", import.meta.url),
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
  print(
    green(
      "All routes were found in time, none is over 5 % slower than the best, and no message was lost.",
    ),
  );
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
      percentile(results.map(of).sort((a, b) => a - b), 0.5);
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
  const numbers = ["routes found", "at most", "frames", "per link", "bytes", "worst route"];
  return table(
    [{ title: "change" }, ...numbers.map((title) => ({ title, align: "right" as const }))],
    rows,
  );
}
