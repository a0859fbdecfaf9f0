/**
 * `lab sim` and `lab replay`: options and output. `simulator/` runs the simulations.
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
import config from "../../deno.json" with { type: "json" };
import { count, formatFindings } from "../../checker/report.ts";
import { runRouteSimulations } from "./sim_routes.ts";
import { describeAction, makePlan, type Plan } from "../../simulator/plan.ts";
import { runSeeds } from "../../simulator/run_seeds.ts";
import { shrink } from "../../simulator/shrink.ts";
import type { SeedResult } from "../../simulator/sim_worker.ts";
import { simulate, type SimulationResult } from "../../simulator/simulate.ts";

/** How many failing seeds are made smaller and shown. Only the numbers of the others are shown. */
const MAX_SHOWN = 3;

/** The name, options and help of `lab sim`. */
export const labSimProgram = {
  name: "netlab lab sim",
  summary:
    "Simulates one network for each seed, with the shipped code under a virtual clock. Servers crash, " +
    "partitions come and go, and packets are lost. Shows whether all guarantees were kept.",
  version: config.version,
  usage: "deno task lab sim [options]",
  options: {
    seeds: { kind: "integer", min: 1, default: 100, help: "The number of seeds." },
    from: { kind: "integer", default: 1, help: "The first seed." },
    routes: {
      kind: "flag",
      help: "Simulate latencies on links: how soon do servers find the fastest routes?",
    },
    servers: {
      kind: "integer",
      min: 5,
      max: 200,
      help: "With --routes: servers per network. Default: 5 to 200, by the seed.",
    },
    workers: {
      kind: "integer",
      min: 1,
      help: "How many seeds run at once. Default: one per core.",
    },
  },
  examples: [
    { command: "deno task lab sim --seeds 500", what: "Simulate five hundred networks" },
    { command: "deno task lab sim --from 1000 --seeds 1", what: "Simulate one seed" },
    {
      command: "deno task lab sim --routes --seeds 10 --servers 100",
      what: "Simulate the routes between a hundred servers",
    },
  ],
} as const satisfies Program;

/** The name, options and help of `lab replay`. */
export const labReplayProgram = {
  name: "netlab lab replay",
  summary: "Repeats the simulation of one seed, byte for byte, and shows what happens in it.",
  version: config.version,
  usage: "deno task lab replay [options]",
  options: {
    seed: { kind: "integer", default: 1, help: "The seed." },
    only: {
      kind: "integer",
      repeat: true,
      value: "INDEX,INDEX",
      help: "Run only these actions of the plan.",
    },
    trace: { kind: "flag", help: "Show every frame and every event." },
  },
  examples: [
    { command: "deno task lab replay --seed 42", what: "Show the plan and the result" },
    {
      command: "deno task lab replay --seed 42 --trace | less",
      what: "Show every frame and every event",
    },
  ],
  endsAtOnce: true,
} as const satisfies Program;

/**
 * Runs `lab sim`.
 *
 * @returns The exit code: 0 if all seeds kept all guarantees, 1 if one did not, 2 if the runs cannot tell.
 */
export async function runSim(
  { seeds, from, routes, servers, ...options }: OptionValues<typeof labSimProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const workers = options.workers ?? navigator.hardwareConcurrency;
  if (routes) return await runRouteSimulations({ seeds, from, servers, workers }, stop);
  if (servers !== undefined) throw new UsageError("Option --servers needs --routes");
  const started = performance.now();
  const results: SeedResult[] = [];
  const broken = () => results.filter(({ exitCode }) => exitCode !== 0);
  {
    using live = new Live(() => [
      `${results.length} of ${seeds} seeds, ${count(messages(results))} messages, ` +
      `${broken().length} broken`,
    ]);
    await runSeeds<SeedResult>({
      worker: new URL("../../simulator/sim_worker.ts", import.meta.url),
      from,
      seeds,
      workers,
      message: (seed) => seed,
      onResult: (result) => {
        results.push(result);
        if (result.exitCode !== 0) live.print(red(`seed ${result.seed} broke a guarantee`));
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
    green("No accepted message was lost, none was seen twice, order held, and all servers agree."),
  );
  return 0;
}

/** Runs `lab replay`. Returns the exit code of the run. */
export function runReplay(
  { seed, only, trace }: OptionValues<typeof labReplayProgram.options>,
): Promise<number> {
  const plan = makePlan(seed);
  const indexes = only.length > 0 ? new Set(only) : undefined;
  describePlan(plan, indexes);
  const result = simulate(plan, {
    ...indexes && { only: indexes },
    ...trace && { trace: (line) => print(dim(line)) },
  });
  describeResult(result);
  return Promise.resolve(result.exitCode);
}

/** Makes the run of a failing seed smaller, and shows it. */
async function explain(seed: number, stop: AbortSignal): Promise<void> {
  const plan = makePlan(seed);
  const indexes = await shrink(plan, { stop });
  print();
  print(bold(`Seed ${seed} fails with these of its ${plan.actions.length} actions:`));
  describePlan(plan, new Set(indexes));
  describeResult(simulate(plan, { only: new Set(indexes) }));
  print(`  deno task lab replay --seed ${seed} --only ${indexes.join(",")}`);
}

function describePlan(plan: Plan, only?: ReadonlySet<number>): void {
  const { servers, links, users, latencyMs, loss } = plan;
  print(
    `${servers} servers, ${links.length} links, ${users} users, up to ${
      2 * latencyMs
    } ms one way, ` +
      `${loss * 100} % of packets sent again`,
  );
  for (const [index, action] of plan.actions.entries()) {
    if (only && !only.has(index)) continue;
    print(`  ${dim(String(index).padStart(4))}  ${describeAction(action)}`);
  }
}

function describeResult({ findings, disagreements, digest, ms }: SimulationResult): void {
  for (const line of formatFindings(findings)) print(line);
  for (const line of disagreements) print(red(`  ${line}`));
  print(dim(`  ${(ms / 1000).toFixed(1)} s of virtual time, digest ${digest}`));
}

function messages(results: readonly SeedResult[]): number {
  return results.reduce((sum, { sent }) => sum + sent, 0);
}
