/**
 * `lab scale`: options and output. The files in `scale/` do the work.
 *
 * @module
 */
import {
  bold,
  Live,
  type OptionValues,
  print,
  type Program,
  table,
  toJson,
  UsageError,
} from "@netlab/terminal";
import { quote } from "@netlab/protocol";
import config from "../deno.json" with { type: "json" };
import { drawScale } from "../scale/report/chart.ts";
import { CURVE_COLUMNS, curveRow, RESULT_COLUMNS, resultRow } from "../scale/report/format.ts";
import { NETWORKS } from "../scale/networks.ts";
import { scalePage } from "../scale/report/page.ts";
import { describePlan, simulatePairs } from "../scale/pairs.ts";
import { type RealResult, runRealServers } from "../scale/real_servers.ts";
import { curvesOf, type ScaleReport } from "../scale/report/report.ts";
import type { ScalePlan } from "../scale/simulate_scale.ts";

const SERVERS = [5, 10, 20, 50, 100, 200, 500, 1_000];
const USERS = [1_000, 10_000, 100_000, 1_000_000];

/** The name, options and help of `lab scale`. */
export const labScaleProgram = {
  name: "netlab lab scale",
  summary:
    "Simulates networks of many sizes, with the shipped code under a virtual clock, while users join, leave and " +
    "move and a server crashes. Shows what each server sends and keeps, how soon all agree, and how that grows. " +
    `The networks: ${
      [...NETWORKS].map(([name, { about }]) => `${name} (${about.replace(/\.$/, "")})`).join("; ")
    }.`,
  version: config.version,
  usage: "deno task lab scale [options]",
  options: {
    servers: {
      kind: "integer",
      min: 2,
      max: 1_000,
      repeat: true,
      value: "N,N",
      help: `The numbers of servers. Default: ${SERVERS.join(",")}.`,
    },
    users: {
      kind: "integer",
      min: 1,
      max: 1_000_000,
      repeat: true,
      value: "N,N",
      help: `The numbers of users of the whole network. Default: ${USERS.join(",")}.`,
    },
    network: {
      kind: "string",
      repeat: true,
      value: "KIND",
      help: `The kinds of networks: ${[...NETWORKS.keys()].join(" or ")}. Default: all.`,
    },
    seconds: {
      kind: "integer",
      min: 1,
      default: 60,
      help:
        "How long users join, leave and move: seconds of virtual time. Servers repeat what they " +
        "announce once a minute.",
    },
    seed: { kind: "integer", default: 1, help: "The seed of all random decisions." },
    limit: {
      kind: "integer",
      min: 1,
      default: 600,
      help:
        "How long one simulation may take: seconds. Longer ones, and all that are larger, are skipped.",
    },
    memory: {
      kind: "integer",
      min: 1,
      default: 8,
      help: "How much memory one simulation may use: GiB. Those that need more are skipped.",
    },
    workers: {
      kind: "integer",
      min: 1,
      help: "How many simulations run at once. Default: one per core.",
    },
    real: {
      kind: "integer",
      min: 2,
      max: 50,
      repeat: true,
      value: "N,N",
      help:
        "Also run so many real servers with the fewest users, and compare them with the simulation.",
    },
    from: {
      kind: "string",
      value: "FILE",
      help: "Take the simulated networks from a file that --json has written.",
    },
    json: { kind: "string", value: "FILE", help: "Write the results to this file." },
    svg: { kind: "string", value: "FILE", help: "Draw what servers send to this file." },
    page: { kind: "string", value: "FILE", help: "Write a page about the results to this file." },
  },
  examples: [
    {
      command: "deno task lab scale --servers 5,10,20 --users 1000",
      what: "Simulate three sizes, in a minute",
    },
    {
      command: "deno task scale:results",
      what: "Simulate all sizes, in hours, and write docs/scaling.md and its chart",
    },
  ],
} as const satisfies Program;

/** Runs `lab scale`. Returns the exit code. */
export async function runLabScale(
  options: OptionValues<typeof labScaleProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const unknown = options.network.find((network) => !NETWORKS.has(network));
  if (unknown !== undefined) {
    const kinds = [...NETWORKS.keys()].join(", ");
    throw new UsageError(`Option --network: ${quote(unknown)} is not one of ${kinds}`);
  }
  const simulated = options.from === undefined
    ? await simulateAll(options, stop)
    : read(options.from);
  const report = await addReal(simulated, options, stop);
  for (const line of table(RESULT_COLUMNS, report.results.map(resultRow))) print(line);
  for (const { why } of report.skipped) print(`Skipped: ${why}`);
  print();
  print(bold("How that grows"));
  for (const line of table(CURVE_COLUMNS, curvesOf(report.results).map(curveRow))) print(line);
  if (options.json !== undefined) Deno.writeTextFileSync(options.json, `${toJson(report)}\n`);
  if (options.svg !== undefined) Deno.writeTextFileSync(options.svg, drawScale(report));
  if (options.page !== undefined) {
    Deno.writeTextFileSync(options.page, scalePage(report, options.svg?.split("/").at(-1)));
  }
  return 0;
}

async function simulateAll(
  options: OptionValues<typeof labScaleProgram.options>,
  stop: AbortSignal,
): Promise<ScaleReport> {
  const { seconds, seed, limit, memory } = options;
  const servers = withDefault(options.servers, SERVERS);
  const users = withDefault(options.users, USERS);
  const networks = withDefault(options.network, [...NETWORKS.keys()]);
  const plans = networks.flatMap((network) =>
    users.flatMap((users) =>
      servers.map((servers): ScalePlan => ({ network, servers, users, seconds, seed }))
    )
  );
  const workers = options.workers ?? navigator.hardwareConcurrency;
  let done = 0;
  using live = new Live(() => [`${done} of ${plans.length} networks`]);
  const { results, skipped } = await simulatePairs(
    plans,
    { workers, seconds: limit, memoryGib: memory },
    (outcome) => {
      done++;
      if ("why" in outcome) return;
      live.print(`${describePlan(outcome.plan)} took ${outcome.tookS.toFixed(0)} s.`);
    },
    stop,
  );
  return { command: commandOf(options), results, skipped, real: [] };
}

/** Runs real servers as well, if that is wanted. */
async function addReal(
  report: ScaleReport,
  { real: sizes, seed }: OptionValues<typeof labScaleProgram.options>,
  stop: AbortSignal,
): Promise<ScaleReport> {
  if (sizes.length === 0) return report;
  const real: RealResult[] = [];
  const plans = report.results.map(({ plan }) => plan);
  const users = Math.min(...plans.map((plan) => plan.users));
  const seconds = Math.max(...plans.map((plan) => plan.seconds));
  using _live = new Live(() => [`${real.length} of ${sizes.length} networks of real servers`]);
  for (const servers of sizes) {
    const plan = { network: "full", servers, users, seconds, seed };
    real.push(await runRealServers(plan, stop));
  }
  return { ...report, command: `${report.command} --real ${sizes.join(",")}`, real };
}

function withDefault<T>(values: readonly T[], all: readonly T[]): readonly T[] {
  return values.length > 0 ? values : all;
}

/** Returns the command that repeats the simulations. */
function commandOf(options: OptionValues<typeof labScaleProgram.options>): string {
  const { servers, users, network, seconds, seed, limit, memory } = options;
  const lists = Object.entries({ servers, users, network })
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `--${name} ${values.join(",")}`);
  const numbers = Object.entries({ seconds, seed, limit, memory })
    .filter(([name, value]) =>
      value !== labScaleProgram.options[name as "seconds" | "seed" | "limit" | "memory"].default
    )
    .map(([name, value]) => `--${name} ${value}`);
  return ["deno task lab scale", ...lists, ...numbers].join(" ");
}

function read(path: string): ScaleReport {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new UsageError(`Option --from: there is no file ${path}`);
    }
    throw new Error(`Cannot read the results in ${path}`, { cause });
  }
}
