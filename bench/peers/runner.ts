/**
 * Runs scenarios: starts the servers and lets the generator load one after the other, round by round, so
 * that other programs on the machine disturb all of them alike.
 *
 * @module
 */
import { freePorts } from "@netlab/lab";
import type { Load, Result, Work } from "./load.ts";
import { Program } from "./programs.ts";
import { type Row, type ScenarioReport, toRow } from "./report.ts";
import { type Contender, CONTENDERS, productOf, type Scenario } from "./scenarios.ts";
import { type ProductName, PRODUCTS, Server, type ServerOptions } from "./servers.ts";

/** How to measure. */
export interface RunOptions {
  readonly rounds: number;
  /** Length of one measurement: milliseconds. */
  readonly ms: number;
  /** The largest number of users, for a quick look. */
  readonly maxUsers: number;
  /** Whether servers and generator get a core each. */
  readonly pinned: boolean;
  /** The products to measure. */
  readonly installed: ReadonlySet<ProductName>;
  /** An empty folder for the files of servers. */
  readonly folder: string;
  /** Ends the run early. */
  readonly stop: AbortSignal;
  /** Is told what is being measured. */
  readonly onProgress: (what: string) => void;
}

const SERVER_CORE = 0;
const GENERATOR_CORE = 1;
/** How long to load a server before the measurement, as a share of the measurement. */
const WARM = 0.4;
const MIN_WARM_MS = 100;
/** Milliseconds without a delivery after which missing messages are lost. */
const LOST_MS = 5_000;
/** Milliseconds that a generator may run. */
const GENERATOR_MS = 240_000;

const GENERATOR = new URL("generator/main.ts", import.meta.url).pathname;
const LIBRARY = new URL("generator/library.ts", import.meta.url).pathname;

/** What one contender achieved, round by round. */
interface Outcome {
  readonly results: Result[];
  commands: readonly string[];
  failure?: string;
}

/** Runs scenarios. It measures only once what two scenarios share. */
export class Runner {
  readonly #options: RunOptions;
  readonly #server: ServerOptions;
  readonly #outcomes = new Map<Scenario["work"], Map<Contender, Outcome>>();
  #loads = 0;

  /** A runner that has measured nothing. */
  constructor(options: RunOptions) {
    this.#options = options;
    this.#server = { core: options.pinned ? SERVER_CORE : undefined, folder: options.folder };
  }

  /** Runs one scenario. A contender that fails has no figures, and its row says why. */
  async run(scenario: Scenario): Promise<ScenarioReport> {
    const { id, title, about, figures, work } = scenario;
    const outcomes = this.#outcomes.get(work) ?? await this.#measureAll(scenario);
    this.#outcomes.set(work, outcomes);
    const rows = [...outcomes].map(([contender, { results, commands, failure }]): Row => {
      const about = { contender: contender.name, product: productOf(contender), commands };
      if (failure !== undefined) return { ...toRow(about, [], figures), failure };
      const row = toRow(about, results, figures);
      // With the client library, the limit of the generator is the result.
      return contender.library ? { ...row, generatorBound: false } : row;
    });
    return { id, title, about, figures, rows };
  }

  async #measureAll(scenario: Scenario): Promise<Map<Contender, Outcome>> {
    const { rounds, installed, stop, onProgress } = this.#options;
    const contenders = scenario.contenders
      .map((name): Contender => CONTENDERS[name])
      .filter((contender) => installed.has(productOf(contender)));
    const outcomes = new Map<Contender, Outcome>();
    for (const contender of contenders) outcomes.set(contender, { results: [], commands: [] });
    await using running = new Servers();
    for (let round = 0; round < rounds; round++) {
      for (const [contender, outcome] of outcomes) {
        if (outcome.failure !== undefined) continue;
        stop.throwIfAborted();
        onProgress(`${scenario.title}: ${contender.name}, round ${round + 1} of ${rounds}`);
        try {
          outcome.results.push(await this.#measure(scenario, contender, outcome, running));
        } catch (error) {
          stop.throwIfAborted();
          outcome.failure = error instanceof Error ? error.message : String(error);
        }
      }
    }
    return outcomes;
  }

  /** Measures one contender once. Servers in `running` run during all rounds. */
  async #measure(
    { work, size }: Scenario,
    contender: Contender,
    outcome: Outcome,
    running: Servers,
  ): Promise<Result> {
    if (work.kind === "version") return await this.#measureVersion(contender, outcome);
    if (work.kind === "first") return await this.#measureStart(contender, outcome);
    const limited = limitUsers(work, this.#options.maxUsers);
    const measure = async (server: Server, inspector?: string) => {
      outcome.commands = server.commands;
      const load = this.#loadOf(
        { ...limited, ...inspector && { inspector } },
        contender,
        server,
        size,
      );
      return await generate(load, contender, this.#options);
    };
    if (work.kind === "rate" || work.kind === "latency") {
      const server = running.get(contender) ?? new Server(contender.server, this.#server);
      running.set(contender, server);
      await server.listening();
      return await measure(server);
    }
    // A new server: thousands of users who leave at the end would keep the old one busy.
    let heapBytes: number | undefined;
    if (work.kind === "idle" && productOf(contender) === "netlab") {
      // In a run of its own, because the inspector takes memory as well.
      await using server = new Server(contender.server, { ...this.#server, inspect: true });
      await server.listening();
      heapBytes = (await measure(server, await server.inspector)).heapBytes;
    }
    await using server = new Server(contender.server, this.#server);
    await server.listening();
    return { ...await measure(server), ...heapBytes !== undefined && { heapBytes } };
  }

  /** Starts the generator first, which then waits for the server. */
  async #measureStart(contender: Contender, outcome: Outcome): Promise<Result> {
    const port = freePorts(1)[0]!;
    const load = this.#loadOf({ kind: "first" }, contender, { port, receiverPort: port, pids: [] });
    await using generator = startGenerator(load, contender, this.#options);
    await generator.until("it is ready", () => generator.output.includes("ready") || undefined);
    const startedAt = performance.timeOrigin + performance.now();
    await using server = new Server(contender.server, { ...this.#server, port });
    outcome.commands = server.commands;
    const { deliveredAt } = await resultOf(generator, this.#options);
    return { ms: deliveredAt! - startedAt };
  }

  async #measureVersion(contender: Contender, outcome: Outcome): Promise<Result> {
    const start = performance.now();
    await using program = new Program(PRODUCTS[productOf(contender)].command, this.#server.core);
    await program.ended;
    outcome.commands = [program.command];
    return { ms: performance.now() - start };
  }

  #loadOf(
    work: Work,
    { protocol }: Contender,
    { port, receiverPort, pids }: Pick<Server, "port" | "receiverPort" | "pids">,
    size = 64,
  ): Load {
    const { ms } = this.#options;
    const tag = (this.#loads++).toString(36).padStart(3, "0");
    const warmMs = Math.max(MIN_WARM_MS, ms * WARM);
    return { ...work, protocol, port, receiverPort, pids, tag, size, warmMs, ms, lostMs: LOST_MS };
  }
}

/** Servers that run until it is disposed. */
class Servers extends Map<Contender, Server> implements AsyncDisposable {
  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.values()) await server[Symbol.asyncDispose]();
  }
}

function limitUsers(work: Work, most: number): Work {
  if (work.kind === "idle") return { ...work, users: Math.min(work.users, most) };
  if (work.kind !== "crowd") return work;
  return { ...work, users: work.users.map((count) => Math.min(count, most)) };
}

/** Runs a generator process and returns its result. */
export async function generate(
  load: Load,
  contender: Pick<Contender, "library">,
  options: Pick<RunOptions, "pinned" | "stop">,
): Promise<Result> {
  await using generator = startGenerator(load, contender, options);
  return await resultOf(generator, options);
}

function startGenerator(
  load: Load,
  { library }: Pick<Contender, "library">,
  { pinned }: Pick<RunOptions, "pinned">,
): Program {
  // FFI, and the files of other processes in /proc, need all permissions.
  const command = [Deno.execPath(), "run", "--allow-all", library ? LIBRARY : GENERATOR];
  return new Program(
    [...command, JSON.stringify(load)],
    pinned ? GENERATOR_CORE : undefined,
    "keep",
  );
}

async function resultOf(
  generator: Program,
  { stop }: Pick<RunOptions, "stop">,
): Promise<Result> {
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
