/**
 * `lab attack`: options and output. `attack/` does the work.
 *
 * @module
 */
import { quote } from "@netlab/protocol";
import { formatMs } from "@netlab/rtt";
import {
  bold,
  dim,
  green,
  Live,
  type OptionValues,
  print,
  type Program,
  red,
  table,
  toJson,
  UsageError,
} from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { failuresOf, limitMs, type Measured } from "../attack/verdict.ts";
import { runScenario } from "../attack/run_scenario.ts";
import { type Scenario, SCENARIOS } from "../attack/scenarios.ts";
import { count, counted } from "../checker/report.ts";
import { SEED_OPTION } from "./shared_options.ts";
import { randomSeed } from "../random.ts";
import type { Latency } from "../statistics.ts";

/** The most that one attack sends: bytes. */
const MAX_BYTES = 4_000_000_000;

/** The name, options and help of `lab attack`. */
export const labAttackProgram = {
  name: "netlab lab attack",
  summary:
    "Attacks servers and clients that run as processes, and shows what honest users notice before, during " +
    "and after each attack, and beside harmless programs that are as busy as the attack (Linux). Exit " +
    "code 0: the honest users noticed little, and the servers recovered; 1: otherwise.",
  version: config.version,
  usage: "deno task lab attack [options]",
  options: {
    list: { kind: "flag", help: "List the scenarios." },
    only: {
      kind: "string",
      value: "NAME",
      repeat: true,
      help: "Run only this scenario. May be given several times.",
    },
    seconds: {
      kind: "seconds",
      default: 5,
      help: "How long an attack takes, and each period that it is compared with.",
    },
    full: { kind: "flag", help: "Attack with true numbers, such as a million names." },
    seed: SEED_OPTION,
    json: { kind: "flag", help: "Print only the figures, as one JSON object for each scenario." },
  },
  examples: [
    { command: "deno task lab attack", what: "Run all scenarios; about half an hour" },
    { command: "deno task lab attack --only requests", what: "Send cheap requests without end" },
    {
      command: "deno task lab attack --only names --full --seconds 60",
      what: "Store a message for each of a million names",
    },
  ],
} as const satisfies Program;

/**
 * Runs `lab attack`.
 *
 * @param program The program of the servers: a path or URL. Tests use one that is easy to attack.
 * @returns The exit code: 1 if an attack succeeded.
 * @throws {UsageError} When there is no such scenario.
 * @throws {unknown} The reason of `stop` when it aborts.
 */
export async function runLabAttack(
  options: OptionValues<typeof labAttackProgram.options>,
  stop: AbortSignal,
  program?: string,
): Promise<number> {
  if (options.list) {
    for (const line of listOf(SCENARIOS)) print(line);
    return 0;
  }
  const scenarios = options.only.length === 0 ? SCENARIOS : options.only.map(scenarioOf);
  const { json, seconds, full, seed = randomSeed() } = options;
  if (!json) print(dim(`seed ${seed}`));
  let succeeded = 0;
  for (const scenario of scenarios) {
    const measured = await run(scenario, json);
    const failures = failuresOf(measured);
    if (failures.length > 0) succeeded++;
    if (json) print(toJson({ scenario: scenario.name, ...measured, failures, seed }));
    else report(scenario, measured, failures);
  }
  if (!json && scenarios.length > 1) {
    const text = succeeded === 0
      ? green("No attack succeeded")
      : red(`${counted(succeeded, "attack")} of ${scenarios.length} succeeded`);
    print(bold(text));
  }
  return succeeded === 0 ? 0 : 1;

  async function run(scenario: Scenario, json: boolean): Promise<Measured> {
    let period = "starting servers";
    using live = new Live(() => json ? [] : [dim(`${scenario.name}: ${period}`)]);
    const measured = await runScenario(scenario, {
      ms: 1_000 * seconds,
      full,
      maxBytes: MAX_BYTES,
      seed,
      program,
      data: `data/attack-${crypto.randomUUID()}`,
      onPeriod: (name) => period = name,
    }, stop);
    live[Symbol.dispose]();
    return measured;
  }
}

function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario) return scenario;
  throw new UsageError(`Option --only: there is no scenario ${quote(name)}; --list shows all`);
}

function listOf(scenarios: readonly Scenario[]): string[] {
  return table(
    [{ title: "scenario" }, { title: "system" }, { title: "attack" }],
    scenarios.map(({ name, system, what }) => [name, system, what]),
  );
}

function report({ name, system, what }: Scenario, found: Measured, failures: string[]): void {
  const { memory, descriptors, honest, attacker, recoveryMs } = found;
  const verdict = failures.length === 0 ? green("withstood") : red(failures.join("; "));
  print(bold(`${name} (${system}): ${what}`));
  print(`  ${verdict}`);
  print(
    `  before ${latency(found.before)}; attack ${latency(found.during)}; ` +
      `after ${latency(found.after)}; control ${latency(found.control)}`,
  );
  const recovered = recoveryMs === undefined ? "never" : `after ${formatMs(recoveryMs)}`;
  print(
    `  p99 limit ${formatMs(limitMs(found))}; normal ${recovered}; ` +
      `lost links ${found.lostLinks}; log ${mega(found.logBytes)}`,
  );
  print(
    `  memory ${mega(memory.before)}, peak ${mega(memory.peak)}, ${back(memory.backMs)}; ` +
      `descriptors ${descriptors.before}, peak ${descriptors.peak}, ${back(descriptors.backMs)}`,
  );
  print(
    `  attacker: sent ${mega(attacker.sentBytes)}, read ${mega(attacker.readBytes)}, ` +
      `${counted(attacker.connections, "connection")}, ${count(attacker.closedByOthers)} of them ` +
      `refused or closed, ${percent(found.attackerShare)} of a processor; busiest server ${
        percent(found.serverShare)
      }`,
  );
  print(`  honest users: sent ${count(honest.sent)}, failed ${count(honest.failed)}`);
  if (!honest.kept) { for (const line of honest.findings) print(`    ${line}`); }
}

function latency(found: Latency | undefined): string {
  return found ? `p50 ${formatMs(found.p50)}, p99 ${formatMs(found.p99)}` : "nothing";
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function mega(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString("en-US", { maximumFractionDigits: 1 })} MB`;
}

function back(ms: number | undefined): string {
  if (ms === 0) return "back at once";
  return ms === undefined ? "not back" : `back after ${formatMs(ms)}`;
}
