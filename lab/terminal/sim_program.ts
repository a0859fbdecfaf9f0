/**
 * `lab sim` and `lab replay`: simulated runs, many of them or one looked at closely. Owns the options
 * and the words; the runs are in `simulator/`.
 *
 * @module
 */
import {
  bold,
  dim,
  green,
  Live,
  type OptionValues,
  print,
  type Program,
  red,
  UsageError,
} from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { formatFindings } from "../checker/report.ts";
import { runRouteSimulations } from "./sim_routes.ts";
import { describeAction, makePlan, type Plan } from "../simulator/plan.ts";
import { runSeeds } from "../simulator/run_seeds.ts";
import { shrink } from "../simulator/shrink.ts";
import type { SeedResult } from "../simulator/sim_worker.ts";
import { simulate, type SimulationResult } from "../simulator/simulate.ts";

/** So many broken seeds are made smaller and shown; the others are named. */
const MAX_SHOWN = 3;

/** What `lab sim` is. */
export const labSimProgram = {
  name: "netlab lab sim",
  summary:
    "Simulates networks that crash, part and lose, one for each seed, with the code that is " +
    "shipped under a virtual clock, and says whether every promise was kept.",
  version: config.version,
  usage: "deno task lab sim [options]",
  options: {
    seeds: { kind: "integer", min: 1, default: 100, help: "Simulate so many seeds." },
    from: { kind: "integer", default: 1, help: "Begin with this one." },
    ways: {
      kind: "flag",
      help: "Networks with time on every link: do servers find the fastest ways, and how soon.",
    },
    servers: {
      kind: "integer",
      min: 5,
      max: 200,
      help: "With --ways: so many servers each. Default: 5 to 200, by the seed.",
    },
    workers: { kind: "integer", min: 1, help: "So many at one time. Default: one a core." },
  },
  examples: [
    { command: "deno task lab sim --seeds 500", what: "Five hundred networks" },
    { command: "deno task lab sim --from 1000 --seeds 1", what: "One seed" },
    {
      command: "deno task lab sim --ways --seeds 10 --servers 100",
      what: "The fastest ways between a hundred servers",
    },
  ],
} as const satisfies Program;

/** What `lab replay` is. */
export const labReplayProgram = {
  name: "netlab lab replay",
  summary:
    "Runs one simulated network again, byte for byte the same, and shows what happens in it.",
  version: config.version,
  usage: "deno task lab replay --seed N [options]",
  options: {
    seed: { kind: "integer", default: 1, help: "The seed." },
    only: {
      kind: "integer",
      repeat: true,
      value: "PLACE,PLACE",
      help: "Only these of the planned actions happen.",
    },
    trace: { kind: "flag", help: "Show every frame and every event." },
  },
  examples: [
    { command: "deno task lab replay --seed 42", what: "What was planned, and how it went" },
    { command: "deno task lab replay --seed 42 --trace | less", what: "Frame by frame" },
  ],
  endsAtOnce: true,
} as const satisfies Program;

/** Runs `lab sim`; 0 when every seed kept every promise, 1 when one did not, 2 when that is open. */
export async function runSim(
  { seeds, from, ways, servers, ...options }: OptionValues<typeof labSimProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const workers = options.workers ?? navigator.hardwareConcurrency;
  if (ways) return await runRouteSimulations({ seeds, from, servers, workers }, stop);
  if (servers !== undefined) throw new UsageError("Option --servers is for --ways");
  const started = performance.now();
  const results: SeedResult[] = [];
  const broken = () => results.filter(({ exitCode }) => exitCode !== 0);
  {
    using live = new Live(() => [
      `${results.length} of ${seeds} seeds, ${count(messages(results))} messages, ` +
      `${broken().length} broken`,
    ]);
    await runSeeds<SeedResult>({
      worker: new URL("../simulator/sim_worker.ts", import.meta.url),
      from,
      seeds,
      workers,
      message: (seed) => seed,
      onResult: (result) => {
        results.push(result);
        if (result.exitCode !== 0) live.print(red(`seed ${result.seed} broke a promise`));
      },
    }, stop);
  }
  const seconds = (performance.now() - started) / 1000;
  const crashes = results.reduce((sum, { crashes }) => sum + crashes, 0);
  print(
    `${results.length} seeds in ${seconds.toFixed(0)} s: ${count(messages(results))} messages, ` +
      `${count(crashes)} crashes, ${broken().length} broken`,
  );
  for (const { seed } of broken().slice(0, MAX_SHOWN)) {
    if (!stop.aborted) await explain(seed, stop);
  }
  for (const { seed } of broken().slice(MAX_SHOWN)) print(`  deno task lab replay --seed ${seed}`);
  if (stop.aborted || results.some(({ exitCode }) => exitCode === 2)) {
    return broken().some(({ exitCode }) => exitCode === 1) ? 1 : 2;
  }
  if (broken().length > 0) return 1;
  print(
    green("Nothing accepted was lost, nothing was seen twice, order held, all agreed in the end."),
  );
  return 0;
}

/** Runs `lab replay`; the exit code of the run. */
export function runReplay(
  { seed, only, trace }: OptionValues<typeof labReplayProgram.options>,
): Promise<number> {
  const plan = makePlan(seed);
  const places = only.length > 0 ? new Set(only) : undefined;
  describePlan(plan, places);
  const outcome = simulate(plan, {
    ...places && { only: places },
    ...trace && { trace: (line) => print(dim(line)) },
  });
  describeOutcome(outcome);
  return Promise.resolve(outcome.exitCode);
}

/** Shows a seed that broke a promise, made as small as it gets. */
async function explain(seed: number, stop: AbortSignal): Promise<void> {
  const plan = makePlan(seed);
  const places = await shrink(plan, { stop });
  print();
  print(bold(`Seed ${seed}, of whose ${plan.actions.length} actions these are needed:`));
  describePlan(plan, new Set(places));
  describeOutcome(simulate(plan, { only: new Set(places) }));
  print(`  deno task lab replay --seed ${seed} --only ${places.join(",")}`);
}

function describePlan(plan: Plan, only?: ReadonlySet<number>): void {
  const { servers, links, users, latencyMs, loss } = plan;
  print(
    `${servers} servers, ${links.length} links, ${users} users, up to ${
      2 * latencyMs
    } ms one way, ` +
      `${loss * 100} % of parcels sent again`,
  );
  for (const [place, action] of plan.actions.entries()) {
    if (only && !only.has(place)) continue;
    print(`  ${dim(String(place).padStart(4))}  ${describeAction(action)}`);
  }
}

function describeOutcome({ findings, disagreements, digest, ms }: SimulationResult): void {
  for (const line of formatFindings(findings)) print(line);
  for (const line of disagreements) print(red(`  ${line}`));
  print(dim(`  ${(ms / 1000).toFixed(1)} s of virtual time, digest ${digest}`));
}

function messages(results: readonly SeedResult[]): number {
  return results.reduce((sum, { sent }) => sum + sent, 0);
}

function count(number: number): string {
  return number.toLocaleString("en");
}
