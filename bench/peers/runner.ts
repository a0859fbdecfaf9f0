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
  readonly #outcomes = new Map<Scenario["work"], Map<Contender, Outcome>>();
  #loads = 0;

  /** A runner that has measured nothing. */
  constructor(options: RunOptions) {
    this.#options = options;
  }

  /** Runs one scenario. A contender that fails has no figures, and its row says why. */
  async run(scenario: Scenario): Promise<ScenarioReport> {
    const { id, title, about, figures, work } = scenario;
    const outcomes = this.#outcomes.get(work) ?? await this.#measureAll(scenario);
    this.#outcomes.set(work, outcomes);
    const rows = [...outcomes].map(([contender, { results, commands, failure }]): Row => {
      const row = { contender: contender.name, product: productOf(contender), commands };
      if (failure !== undefined) {
        return { ...toRow(row, [], figures), failure };
      }
      const measured = toRow(row, results, figures);
      // With the client library, the limit of the generator is the result.
      return contender.library ? { ...measured, generatorBound: false } : measured;
    });
    return { id, title, about, figures, rows };
  }

  async #measureAll(scenario: Scenario): Promise<Map<Contender, Outcome>> {
    const { rounds, installed, stop, onProgress } = this.#options;
    const outcomes = new Map<Contender, Outcome>();
    for (const name of scenario.contenders) {
      const contender = CONTENDERS[name];
      if (!installed.has(productOf(contender))) continue;
      outcomes.set(contender, { results: [], commands: [] });
    }
    await using stack = new AsyncDisposableStack();
    const servers = new Map<Contender, Server>();
    const serverOf = async (contender: Contender) => {
      const server = servers.get(contender) ??
        stack.use(new Server(contender.server, this.#serverOptions));
      servers.set(contender, server);
      await server.listening();
      return server;
    };
    for (let round = 0; round < rounds; round++) {
      for (const [contender, outcome] of outcomes) {
        if (outcome.failure !== undefined) continue;
        stop.throwIfAborted();
        onProgress(`${scenario.title}: ${contender.name}, round ${round + 1} of ${rounds}`);
        try {
          const [result, commands] = await this.#measure(scenario, contender, serverOf);
          outcome.results.push(result);
          outcome.commands = commands;
        } catch (error) {
          stop.throwIfAborted();
          outcome.failure = error instanceof Error ? error.message : String(error);
        }
      }
    }
    return outcomes;
  }

  /**
   * Measures one contender once.
   *
   * @param serverOf The server of a contender, which runs during all rounds.
   * @returns The result and the commands that started the servers.
   */
  async #measure(
    { work, size }: Scenario,
    contender: Contender,
    serverOf: (contender: Contender) => Promise<Server>,
  ): Promise<[Result, readonly string[]]> {
    const { maxUsers } = this.#options;
    switch (work.kind) {
      case "rate":
      case "latency": {
        const server = await serverOf(contender);
        return [await this.#load(work, contender, server, size), server.commands];
      }
      case "idle": {
        const idle = { ...work, users: Math.min(work.users, maxUsers) };
        const [result, commands] = await this.#measureFresh(idle, contender);
        if (productOf(contender) !== "netlab") return [result, commands];
        // In a run of its own, because the inspector takes memory as well.
        const [{ heapBytes }] = await this.#measureFresh(idle, contender, true);
        return [{ ...result, heapBytes: heapBytes! }, commands];
      }
      case "crowd": {
        const users = work.users.map((count) => Math.min(count, maxUsers));
        return await this.#measureFresh({ ...work, users }, contender);
      }
      case "first":
        return await this.#measureStart(contender);
      case "version":
        return await this.#measureVersion(contender);
    }
  }

  /** Measures with a new server: thousands of users who leave at the end would keep it busy. */
  async #measureFresh(
    work: Work,
    contender: Contender,
    inspect = false,
  ): Promise<[Result, readonly string[]]> {
    await using server = new Server(contender.server, { ...this.#serverOptions, inspect });
    await server.listening();
    const inspector = inspect ? { inspector: await server.inspector } : {};
    return [await this.#load({ ...work, ...inspector }, contender, server), server.commands];
  }

  /** Starts the generator first, which then waits for the server. */
  async #measureStart(contender: Contender): Promise<[Result, readonly string[]]> {
    const port = freePorts(1)[0]!;
    const load = this.#loadOf({ kind: "first" }, contender, { port, receiverPort: port, pids: [] });
    await using generator = startGenerator(load, contender, this.#options);
    await generator.until("it is ready", () => generator.output.includes("ready") || undefined);
    const startedAt = performance.timeOrigin + performance.now();
    await using server = new Server(contender.server, { ...this.#serverOptions, port });
    const { deliveredAt } = await resultOf(generator, this.#options);
    return [{ ms: deliveredAt! - startedAt }, server.commands];
  }

  async #measureVersion(contender: Contender): Promise<[Result, readonly string[]]> {
    const start = performance.now();
    await using program = new Program(
      PRODUCTS[productOf(contender)].command,
      this.#serverOptions.core,
    );
    await program.ended;
    return [{ ms: performance.now() - start }, [program.command]];
  }

  async #load(work: Work, contender: Contender, server: Server, size?: number): Promise<Result> {
    return await generate(this.#loadOf(work, contender, server, size), contender, this.#options);
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

  get #serverOptions(): ServerOptions {
    const { pinned, folder } = this.#options;
    return { core: pinned ? SERVER_CORE : undefined, folder };
  }
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
