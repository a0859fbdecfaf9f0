/**
 * Runs scenarios: starts the servers, lets the generator load one after the other, round by round, so
 * that whatever else the machine does meets all of them alike. Owns the order; the figures are the
 * generator's.
 *
 * @module
 */
import { freePorts } from "@netlab/lab";
import type { Load, Results } from "./load.ts";
import { Program } from "./programs.ts";
import type { Row, ScenarioReport } from "./report.ts";
import { toRow } from "./report.ts";
import { type AnyResult, type Contender, CONTENDERS, type Scenario } from "./scenarios.ts";
import { PRODUCTS, type RunningServer, startServer } from "./servers.ts";

/** How it is measured. */
export interface RunOptions {
  /** How often. */
  readonly rounds: number;
  /** How long one measurement lasts: milliseconds. */
  readonly ms: number;
  /** How many users there are at most, where there are many; fewer for a quick look. */
  readonly maxUsers: number;
  /** Whether servers and generator get a core each. */
  readonly pinned: boolean;
  /** The products that are installed. */
  readonly installed: ReadonlySet<string>;
  /** A folder for what servers write; it is there and empty. */
  readonly folder: string;
  /** What was measured before, by what was done: another scenario may show the other side of it. */
  readonly known: Map<Scenario["work"], Outcome>;
  /** Ends the run early. */
  readonly stop: AbortSignal;
  /** Hears what is being measured. */
  readonly onProgress: (what: string) => void;
}

const SERVER_CORE = 0;
const GENERATOR_CORE = 1;
/** What is measured before that: the share of a measurement in which code gets warm. */
const WARM = 0.4;
const MIN_WARM_MS = 100;
/** When nothing arrives for so long, what is missing is lost: milliseconds. */
const LOST_MS = 5_000;
/** How long a generator may take besides: milliseconds. */
const GENERATOR_MS = 240_000;

const GENERATOR = new URL("generator/main.ts", import.meta.url).pathname;
const LIBRARY = new URL("generator/library.ts", import.meta.url).pathname;
let runs = 0;

/** What came of measuring: for each contender its rounds, how its servers were started, and why it failed. */
export interface Outcome {
  readonly results: ReadonlyMap<Contender, AnyResult[]>;
  readonly commands: ReadonlyMap<Contender, readonly string[]>;
  readonly failures: ReadonlyMap<Contender, string>;
}

/** Runs one scenario; a contender that fails has no figure, and says why. */
export async function runScenario(
  scenario: Scenario,
  options: RunOptions,
): Promise<ScenarioReport> {
  const { id, title, about, figures, values, work } = scenario;
  const outcome = options.known.get(work) ?? await measureAll(scenario, options);
  options.known.set(work, outcome);
  const rows = [...outcome.results].map(([contender, results]): Row => {
    const { name, product } = contender;
    const row = { contender: name, product, commands: outcome.commands.get(contender) ?? [] };
    const failure = outcome.failures.get(contender);
    if (failure !== undefined) {
      return { ...row, values: figures.map(() => null), rounds: [], failure };
    }
    const measured = toRow(row, results, values);
    // There it is the library whose limit is wanted.
    return contender.library ? { ...measured, generatorBound: false } : measured;
  });
  return { id, title, about, figures, rows };
}

async function measureAll(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const contenders = scenario.contenders
    .map((key): Contender => CONTENDERS[key])
    .filter(({ product }) => options.installed.has(product));
  const results = new Map(contenders.map((contender) => [contender, [] as AnyResult[]]));
  const failures = new Map<Contender, string>();
  const commands = new Map<Contender, readonly string[]>();
  await using running = new AsyncDisposableStack();
  const servers = new Map<Contender, RunningServer>();
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of contenders) {
      if (failures.has(contender)) continue;
      options.stop.throwIfAborted();
      options.onProgress(
        `${scenario.title}: ${contender.name}, round ${round + 1} of ${options.rounds}`,
      );
      try {
        const measured = await measure(scenario, contender, options, async () => {
          const server = servers.get(contender) ??
            running.use(startServer(contender.server, serverOptions(options)));
          servers.set(contender, server);
          await server.listening();
          return server;
        });
        results.get(contender)!.push(measured.result);
        commands.set(contender, measured.commands);
      } catch (error) {
        options.stop.throwIfAborted();
        failures.set(contender, error instanceof Error ? error.message : String(error));
      }
    }
  }
  return { results, commands, failures };
}

interface Measured {
  readonly result: AnyResult;
  readonly commands: readonly string[];
}

/**
 * Measures once.
 *
 * @param serve The contender's server, which goes on running from round to round.
 */
async function measure(
  scenario: Scenario,
  contender: Contender,
  options: RunOptions,
  serve: () => Promise<RunningServer>,
): Promise<Measured> {
  const { work } = scenario;
  switch (work.kind) {
    case "rate":
    case "latency": {
      const server = await serve();
      const load = { ...loadOf(scenario, contender, options, server), ...work } as Load;
      return { result: await generate(load, contender, options), commands: server.commands };
    }
    case "idle":
      return await measureIdle(scenario, contender, options, work.users);
    case "crowd": {
      const users = work.users.map((count) => Math.min(count, options.maxUsers));
      return await measureFresh(scenario, contender, options, { ...work, users });
    }
    case "first":
      return await measureStart(scenario, contender, options);
    case "version":
      return await measureVersion(contender, options);
  }
}

/** Memory and heap want a server of their own each: the inspector takes memory, too. */
async function measureIdle(
  scenario: Scenario,
  contender: Contender,
  options: RunOptions,
  most: number,
): Promise<Measured> {
  const work = { kind: "idle", users: Math.min(most, options.maxUsers) } as const;
  const measured = await measureFresh(scenario, contender, options, work);
  if (contender.product !== "netlab") return measured;
  const { heapBytes } = (await measureFresh(scenario, contender, options, work, true)).result;
  return { ...measured, result: { ...measured.result, heapBytes } as AnyResult };
}

/**
 * Measures with a server of its own, which nobody has used: thousands of users who leave when it is over
 * would keep it busy while the next one is measured.
 */
async function measureFresh(
  scenario: Scenario,
  contender: Contender,
  options: RunOptions,
  work: Scenario["work"],
  inspect = false,
): Promise<Measured> {
  await using server = startServer(contender.server, { ...serverOptions(options), inspect });
  await server.listening();
  const { inspector, commands } = server;
  const load = { ...loadOf(scenario, contender, options, server), ...work, inspector } as Load;
  return { result: await generate(load, contender, options), commands };
}

/** The generator waits for the server, whose program is started when the generator is ready. */
async function measureStart(
  scenario: Scenario,
  contender: Contender,
  options: RunOptions,
): Promise<Measured> {
  const port = freePorts(1)[0]!;
  const load = loadOf(scenario, contender, options, { port, receiverPort: port, pids: [] });
  await using generator = startGenerator({ ...load, kind: "first" }, contender, options);
  await generator.said(({ output }) => output.includes("ready") ? true : undefined);
  const startedAt = performance.timeOrigin + performance.now();
  await using server = startServer(contender.server, { ...serverOptions(options), port });
  const { deliveredAt } = await answer(generator, options) as Results["first"];
  return { result: { ms: deliveredAt - startedAt }, commands: server.commands };
}

async function measureVersion(contender: Contender, options: RunOptions): Promise<Measured> {
  const { versionCommand } = PRODUCTS[contender.product];
  const { core } = serverOptions(options);
  const start = performance.now();
  await using program = new Program(versionCommand, core, false);
  await program.ended;
  const ms = performance.now() - start;
  return { result: { ms }, commands: [program.command] };
}

function serverOptions({ pinned, folder }: RunOptions) {
  return { core: pinned ? SERVER_CORE : undefined, folder, inspect: false };
}

function loadOf(
  { size }: Scenario,
  { protocol }: Contender,
  { ms }: RunOptions,
  { port, receiverPort, pids }: Pick<RunningServer, "port" | "receiverPort" | "pids">,
) {
  const tag = (runs++).toString(36).padStart(3, "0");
  const warmMs = Math.max(MIN_WARM_MS, ms * WARM);
  return { protocol, port, receiverPort, pids, tag, size, warmMs, ms, lostMs: LOST_MS };
}

/** Lets a generator do its work, in a process of its own. */
export async function generate(
  load: Load,
  contender: Pick<Contender, "library">,
  options: Pick<RunOptions, "pinned" | "stop">,
): Promise<AnyResult> {
  await using generator = startGenerator(load, contender, options);
  return await answer(generator, options) as AnyResult;
}

function startGenerator(
  load: Load,
  { library }: Pick<Contender, "library">,
  { pinned }: Pick<RunOptions, "pinned">,
): Program {
  // Calls into libc, and what /proc says of other processes, need all permissions.
  const command = [Deno.execPath(), "run", "--allow-all", library ? LIBRARY : GENERATOR];
  return new Program(
    [...command, JSON.stringify(load)],
    pinned ? GENERATOR_CORE : undefined,
    true,
  );
}

async function answer(
  generator: Program,
  { stop }: Pick<RunOptions, "stop">,
): Promise<AnyResult | Results["first"]> {
  const kill = () => generator.kill();
  stop.addEventListener("abort", kill);
  const timer = setTimeout(kill, GENERATOR_MS);
  try {
    if (await generator.ended === 0) return JSON.parse(generator.output.trim().split("\n").at(-1)!);
    stop.throwIfAborted();
    throw new Error(generator.errors.trim().split("\n").at(-1) || "The generator took too long");
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", kill);
  }
}
