/**
 * `bench:peers`: netlab beside other servers, on the same machine in the same run. Owns what the person
 * says and sees; what is measured is in `scenarios.ts`, and how in `runner.ts`.
 *
 * @module
 */
import {
  bold,
  dim,
  type OptionValues,
  print,
  printError,
  type Program,
  red,
  runProgram,
  table,
  UsageError,
} from "@netlab/terminal";
import config from "../../p2p/deno.json" with { type: "json" };
import { formatChart } from "./output/chart.ts";
import { cellsOf, columnsOf, formatCircumstances } from "./output/format.ts";
import { replaceResults } from "./output/markdown.ts";
import { machine } from "./machine.ts";
import { canPin } from "./programs.ts";
import type { Report, ScenarioReport } from "./report.ts";
import { type RunOptions, runScenario } from "./runner.ts";
import { CONTENDERS, type Scenario, SCENARIOS } from "./scenarios.ts";
import { PRODUCTS } from "./servers.ts";

const DATA = "data";

const program = {
  name: "netlab bench:peers",
  summary:
    "Measures netlab beside nats-server, redis-server and mosquitto, those of them that are installed: " +
    "each on one core, under the same load, in turns. Linux alone. Exit code 1 when a server lost a " +
    "message or failed otherwise.",
  version: config.version,
  usage: "deno task bench:peers [options]",
  options: {
    only: {
      kind: "string",
      value: "SCENARIO",
      repeat: true,
      help: `Measure this scenario: ${SCENARIOS.map(({ id }) => id).join(", ")}. Default: all.`,
    },
    product: {
      kind: "string",
      value: "PRODUCT",
      repeat: true,
      help: `Measure this product: ${Object.keys(PRODUCTS).join(", ")}. Default: all.`,
    },
    rounds: { kind: "integer", min: 1, default: 5, help: "Measure so often, and take the median." },
    seconds: { kind: "seconds", default: "1.5", help: "How long one measurement lasts." },
    users: {
      kind: "integer",
      min: 10,
      default: 10_000,
      help: "So many users, where there are many.",
    },
    json: { kind: "string", value: "FILE", help: "Write everything to this file, as JSON." },
    svg: { kind: "string", value: "FILE", help: "Write a chart to this file." },
    page: {
      kind: "string",
      value: "FILE",
      help: "Replace the results in this Markdown page.",
    },
  },
  examples: [
    { command: "deno task bench:peers", what: "All of it: about half an hour" },
    {
      command: "deno task bench:peers --only pair --only alone --rounds 3",
      what: "A quick look at two scenarios",
    },
    {
      command: "deno task bench:peers --product netlab --json data/bench.json",
      what: "netlab alone, for another program to read",
    },
  ],
} as const satisfies Program;

async function main(
  options: OptionValues<typeof program.options>,
  stop: AbortSignal,
): Promise<number> {
  const scenarios = choose(SCENARIOS, options.only);
  const wanted = chooseProducts(options.product);
  if (Deno.build.os !== "linux") {
    throw new Error(
      "Cannot measure on this system: the generator calls Linux, and reads /proc; use Linux",
    );
  }
  for (const file of [options.json, options.svg, options.page]) if (file) tryToWrite(file);
  const { installed, versions, leftOut } = await findProducts(wanted);
  for (const line of leftOut) print(line);
  const pinned = await canPin();
  if (!pinned) {
    print("Servers and generator share their cores: there is one core, or no taskset");
  }
  Deno.mkdirSync(DATA, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: DATA, prefix: "bench-" });
  try {
    const reports: ScenarioReport[] = [];
    const known: RunOptions["known"] = new Map();
    const report: Report = {
      date: new Date().toISOString(),
      machine: machine(pinned),
      versions,
      leftOut,
      rounds: options.rounds,
      seconds: options.seconds,
      scenarios: reports,
    };
    for (const scenario of scenarios) {
      const measured = await runScenario(scenario, {
        rounds: options.rounds,
        ms: options.seconds * 1_000,
        maxUsers: options.users,
        pinned,
        installed,
        known,
        folder: await Deno.realPath(folder),
        stop,
        onProgress: (what) => Deno.stderr.isTerminal() && printError(dim(what)),
      });
      if (measured.rows.length === 0) continue;
      reports.push(measured);
      printScenario(measured);
      // After each, so that an interruption loses none.
      write(report, options);
    }
    print(formatCircumstances(report));
    return reports.some(({ rows }) => rows.some(({ failure }) => failure)) ? 1 : 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function choose(all: readonly Scenario[], only: readonly string[]): readonly Scenario[] {
  for (const id of only) {
    if (!all.some((scenario) => scenario.id === id)) {
      throw new UsageError(
        `Option --only: ${JSON.stringify(id)} is no scenario: ${
          all.map(({ id }) => id).join(", ")
        }`,
      );
    }
  }
  return only.length === 0 ? all : all.filter(({ id }) => only.includes(id));
}

function chooseProducts(only: readonly string[]): (keyof typeof PRODUCTS)[] {
  const all = Object.keys(PRODUCTS) as (keyof typeof PRODUCTS)[];
  for (const name of only) {
    if (!all.some((product) => product === name)) {
      throw new UsageError(
        `Option --product: ${JSON.stringify(name)} is no product: ${all.join(", ")}`,
      );
    }
  }
  return only.length === 0 ? all : all.filter((product) => only.includes(product));
}

async function findProducts(
  wanted: readonly (keyof typeof PRODUCTS)[],
): Promise<{ installed: Set<string>; versions: Record<string, string>; leftOut: string[] }> {
  const installed = new Set<string>();
  const versions: Record<string, string> = {};
  const leftOut: string[] = [];
  for (const key of wanted) {
    const { name, version, install } = PRODUCTS[key];
    const found = await version();
    if (found === undefined) {
      leftOut.push(`${name} is not installed, and left out: ${install}`);
      continue;
    }
    installed.add(key);
    versions[name] = found;
  }
  return { installed, versions, leftOut };
}

function printScenario(scenario: ScenarioReport): void {
  const contenders = Object.values(CONTENDERS);
  print(`${bold(scenario.title)}  ${dim(scenario.id)}`);
  const rows = scenario.rows.map((row) => {
    const cells = cellsOf(scenario, row);
    const own = contenders.some(({ name, product }) => name === cells[0] && product === "netlab");
    if (row.failure !== undefined) return cells.map(red);
    return own ? cells.map(bold) : cells;
  });
  for (const line of table(columnsOf(scenario), rows)) print(`  ${line}`);
  print();
}

/** Before half an hour of work, not behind it. */
function tryToWrite(file: string): void {
  try {
    Deno.openSync(file, { write: true, create: true }).close();
  } catch (cause) {
    throw new Error(`Cannot write ${file}`, { cause });
  }
}

function write(
  report: Report,
  { json, svg, page }: OptionValues<typeof program.options>,
): void {
  if (json) Deno.writeTextFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  if (svg) Deno.writeTextFileSync(svg, formatChart(report));
  if (page) Deno.writeTextFileSync(page, replaceResults(Deno.readTextFileSync(page), report));
}

if (import.meta.main) await runProgram(program, main);
