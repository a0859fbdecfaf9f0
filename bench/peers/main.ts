/**
 * `bench:peers`: compares netlab with other servers, on the same machine in the same run. The program:
 * its options and its output.
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
import { formatChart } from "./chart.ts";
import { formatCircumstances, tableOf } from "./format.ts";
import { replaceResults } from "./page.ts";
import { canPin } from "./programs.ts";
import { type Report, type ScenarioReport, thisMachine } from "./report.ts";
import { Runner } from "./runner.ts";
import { SCENARIOS } from "./scenarios.ts";
import { type ProductName, PRODUCTS, versionOf } from "./servers.ts";

const DATA = "data";
const IDS = SCENARIOS.map(({ id }) => id);
const PRODUCT_NAMES = Object.keys(PRODUCTS) as ProductName[];

const program = {
  name: "netlab bench:peers",
  summary:
    "Compares netlab with nats-server, redis-server and mosquitto, if they are installed. Each runs " +
    "on one core under the same load, in turns. Linux only. The exit code is 1 if a server lost a " +
    "message or failed in another way.",
  version: config.version,
  usage: "deno task bench:peers [options]",
  options: {
    only: {
      kind: "string",
      value: "SCENARIO",
      repeat: true,
      help: `Measure this scenario: ${IDS.join(", ")}. Default: all.`,
    },
    product: {
      kind: "string",
      value: "PRODUCT",
      repeat: true,
      help: `Measure this product: ${PRODUCT_NAMES.join(", ")}. Default: all.`,
    },
    rounds: {
      kind: "integer",
      min: 1,
      default: 5,
      help: "Number of rounds. The result is the median.",
    },
    seconds: { kind: "seconds", default: "1.5", help: "Length of one measurement." },
    users: {
      kind: "integer",
      min: 10,
      default: 10_000,
      help: "Number of users in scenarios with many users.",
    },
    json: { kind: "string", value: "FILE", help: "Write all results to this file as JSON." },
    svg: { kind: "string", value: "FILE", help: "Write a chart to this file." },
    page: { kind: "string", value: "FILE", help: "Replace the results in this Markdown page." },
  },
  examples: [
    { command: "deno task bench:peers", what: "Measure everything, in about half an hour" },
    {
      command: "deno task bench:peers --only pair --only alone --rounds 3",
      what: "Measure two scenarios quickly",
    },
    {
      command: "deno task bench:peers --product netlab --json data/bench.json",
      what: "Measure netlab only and write JSON",
    },
  ],
} as const satisfies Program;

async function main(
  options: OptionValues<typeof program.options>,
  stop: AbortSignal,
): Promise<number> {
  const ids = choose("only", "scenario", IDS, options.only);
  const products = choose("product", "product", PRODUCT_NAMES, options.product);
  if (Deno.build.os !== "linux") {
    throw new Error("Cannot measure on this system: the generator needs Linux");
  }
  for (const file of [options.json, options.svg, options.page]) if (file) tryToWrite(file);
  const versions: Record<string, string> = {};
  const installed = new Set<ProductName>();
  const leftOut: string[] = [];
  for (const product of products) {
    const { name } = PRODUCTS[product];
    const version = await versionOf(product);
    if (version !== undefined) {
      installed.add(product);
      versions[name] = version;
    } else {
      leftOut.push(`${name} is not installed and is left out: apt-get install ${name}`);
      print(leftOut.at(-1)!);
    }
  }
  const pinned = await canPin();
  if (!pinned) {
    print("Servers and generator share all cores: there is only one core, or no taskset");
  }
  Deno.mkdirSync(DATA, { recursive: true });
  const folder = await Deno.realPath(await Deno.makeTempDir({ dir: DATA, prefix: "bench-" }));
  try {
    const { rounds, seconds } = options;
    const runner = new Runner({
      ...{ rounds, ms: seconds * 1_000, maxUsers: options.users, pinned, installed, folder, stop },
      onProgress: (what) => Deno.stderr.isTerminal() && printError(dim(what)),
    });
    const scenarios: ScenarioReport[] = [];
    const date = new Date().toISOString();
    const about = { date, machine: thisMachine(pinned), versions, leftOut, rounds, seconds };
    const report: Report = { ...about, scenarios };
    for (const scenario of SCENARIOS) {
      if (!ids.includes(scenario.id)) continue;
      const measured = await runner.run(scenario);
      if (measured.rows.length === 0) continue;
      scenarios.push(measured);
      printScenario(measured);
      // After each scenario, so that an interrupted run leaves its results.
      await write(report, options);
    }
    print(formatCircumstances(report));
    return scenarios.some(({ rows }) => rows.some(({ failure }) => failure)) ? 1 : 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function choose<T extends string>(
  option: string,
  what: string,
  all: readonly T[],
  chosen: readonly string[],
): readonly T[] {
  const wrong = chosen.find((name) => !all.some((other) => other === name));
  if (wrong !== undefined) {
    throw new UsageError(
      `Option --${option}: ${JSON.stringify(wrong)} is no ${what}: ${all.join(", ")}`,
    );
  }
  return chosen.length === 0 ? all : all.filter((name) => chosen.includes(name));
}

function printScenario(scenario: ScenarioReport): void {
  const { columns, cells } = tableOf(scenario);
  print(`${bold(scenario.title)}  ${dim(scenario.id)}`);
  const rows = scenario.rows.map(({ failure, product }, index) => {
    if (failure !== undefined) return cells[index]!.map(red);
    return product === "netlab" ? cells[index]!.map(bold) : cells[index]!;
  });
  for (const line of table(columns, rows)) print(`  ${line}`);
  print();
}

/** Finds out before half an hour of work that a file cannot be written. */
function tryToWrite(file: string): void {
  try {
    Deno.openSync(file, { write: true, create: true }).close();
  } catch (cause) {
    throw new Error(`Cannot write ${file}`, { cause });
  }
}

async function write(
  report: Report,
  { json, svg, page }: OptionValues<typeof program.options>,
): Promise<void> {
  if (json) Deno.writeTextFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  if (svg) Deno.writeTextFileSync(svg, formatChart(report));
  if (page) Deno.writeTextFileSync(page, await replaceResults(Deno.readTextFileSync(page), report));
}

if (import.meta.main) await runProgram(program, main);
