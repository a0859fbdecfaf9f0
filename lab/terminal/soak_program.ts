/**
 * `lab soak`: options and output. `soak/` does the work.
 *
 * @module
 */
import {
  bold,
  dim,
  green,
  type OptionValues,
  print,
  type Program,
  red,
  toJson,
  yellow,
} from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { formatFindings } from "../checker/report.ts";
import { randomSeed } from "../random.ts";
import { runSoak } from "../soak/soak.ts";
import { growthOf, type RestPoint, type Trend, trendOf } from "../soak/trend.ts";
import { SEED_OPTION, SYSTEM_OPTION, systemOf } from "./shared_options.ts";

const MIB = 1024 * 1024;

/** The name, options and help of `lab soak`. */
export const labSoakProgram = {
  name: "netlab lab soak",
  summary:
    "Runs servers under load for a long time, with bad links, users who leave and return, and all kinds of " +
    "attackers, and shows whether the servers keep more and more memory or file descriptors (Linux). Exit " +
    "code 0: no server keeps 1 MiB more per hour or more descriptors, and the guarantees were kept; 1: " +
    "otherwise; 2: the run cannot tell.",
  version: config.version,
  usage: "deno task lab soak [options]",
  options: {
    minutes: {
      kind: "integer",
      default: 60,
      min: 1,
      help: "How long to run. The first third is a warm-up.",
    },
    system: SYSTEM_OPTION,
    verbose: { kind: "flag", help: "Show each attack." },
    seed: SEED_OPTION,
    json: { kind: "flag", help: "Print only the figures, as a JSON object." },
  },
  examples: [
    { command: "deno task lab soak", what: "Run for an hour" },
    { command: "deno task lab soak --minutes 5 --verbose", what: "Find out how it works" },
  ],
} as const satisfies Program;

/**
 * Runs `lab soak`.
 *
 * @param program The program of the servers: a path or URL. Tests use one that keeps what it gets.
 * @returns The exit code.
 * @throws {unknown} The reason of `stop` when it aborts.
 */
export async function runLabSoak(
  options: OptionValues<typeof labSoakProgram.options>,
  stop: AbortSignal,
  program?: string,
): Promise<number> {
  const { minutes, verbose, json, seed = randomSeed() } = options;
  if (!json) print(dim(`seed ${seed}`));
  const { points, findings, crashed } = await runSoak({
    system: systemOf(options.system),
    ms: 60_000 * minutes,
    data: `data/soak-${crypto.randomUUID()}`,
    program,
    seed,
    tell: (what) => {
      if (verbose && !json) print(dim(`  ${what}`));
    },
    onRest: (points) => {
      if (!json) print(restLine(points.length, points.at(-1)!));
    },
  }, stop);
  const trend = trendOf(points);
  const growth = trend && growthOf(trend);
  const failed = crashed > 0 || findings.exitCode === 1 || (growth && growth.length > 0);
  const exitCode = failed ? 1 : growth && findings.exitCode === 0 ? 0 : 2;
  if (json) print(toJson({ points, trend, growth, findings, crashed, seed, exitCode }));
  else {
    for (const line of formatFindings(findings)) print(line);
    if (crashed > 0) print(red(`A server crashed by itself`));
    if (trend) print(trendLine(trend));
    const verdict = !growth
      ? yellow("This run is too short to tell whether servers keep more and more")
      : growth.length > 0
      ? red(growth.join("; "))
      : green("The servers keep neither more memory nor more descriptors");
    print(bold(verdict));
  }
  return exitCode;
}

function restLine(round: number, { atMs, memoryBytes, descriptors }: RestPoint): string {
  const memory = memoryBytes.map((bytes) => (bytes / MIB).toFixed(1)).join(", ");
  return `${dim(`${(atMs / 60_000).toFixed(1).padStart(5)} min`)}  round ${round}: ` +
    `memory ${memory} MiB; descriptors ${descriptors}`;
}

function trendLine({ points, bytesPerHour, moreDescriptors }: Trend): string {
  const slopes = bytesPerHour.map((bytes) => (bytes / MIB).toFixed(2)).join(", ");
  return `  after the warm-up, ${points} rounds: ${slopes} MiB per hour by server; ` +
    `${moreDescriptors} more descriptors`;
}
