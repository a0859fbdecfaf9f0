/**
 * `lab run`: options and live output. `cluster/` runs and breaks the servers, `load/` the users, and
 * `checker/` judges the run.
 *
 * @module
 */
import {
  bold,
  cyan,
  dim,
  green,
  Live,
  type OptionValues,
  print,
  type Program,
  red,
  toJson,
  unlessAborted,
  UsageError,
  yellow,
} from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { Chaos } from "../cluster/chaos.ts";
import { checkHistory, type Findings } from "../checker/checker.ts";
import { Cluster } from "../cluster/cluster.ts";
import { NatsOutages } from "../cluster/nats_outages.ts";
import { hasNatsServer } from "../cluster/nats_servers.ts";
import { Load } from "../load/load.ts";
import { randomSeed } from "../random.ts";
import { count, counted, formatFindings } from "../checker/report.ts";
import { SEED_OPTION, SYSTEM_OPTION, systemOf } from "./shared_options.ts";

/** How many NATS servers there are with `--nats`. */
const NATS_SERVERS = 3;
/** How many times of equal length there are between the beginning and the last outage of NATS. */
const OUTAGES = 5;

/** The name, options and help of `lab run`. */
export const labRunProgram = {
  name: "netlab lab run",
  summary:
    "Starts servers, lets users send durable and ephemeral messages, breaks things meanwhile, and shows " +
    "whether the guarantees were kept. Exit code 0: all were kept; 1: one was broken; 2: the run cannot tell.",
  version: config.version,
  usage: "deno task lab run [options]",
  options: {
    servers: { kind: "integer", default: 5, min: 1, max: 25, help: "The number of servers." },
    clients: { kind: "integer", default: 20, min: 2, help: "The number of users." },
    seconds: {
      kind: "seconds",
      help: "How long users send messages. Default: 10, unless --messages is given.",
    },
    messages: { kind: "integer", min: 1, help: "How many durable messages users send in total." },
    rate: {
      kind: "integer",
      default: 200,
      min: 1,
      help:
        "Durable messages per second, of all users together. As many ephemeral ones are posted.",
    },
    system: SYSTEM_OPTION,
    "kill-every": {
      kind: "seconds",
      help: "Kill a server (kill -9) at this interval. It starts again soon after.",
    },
    data: {
      kind: "string",
      value: "DIR",
      default: "data/lab",
      help: "Servers store messages in this folder, which must not exist yet.",
    },
    memory: { kind: "flag", help: "Servers store messages in memory only: a kill loses some." },
    "switch-every": {
      kind: "seconds",
      help: "Move a random user to another server at this interval.",
    },
    faults: { kind: "flag", help: "Slow and cut links, and partition the network." },
    nats: {
      kind: "flag",
      help:
        "Connect the servers through a cluster of three NATS servers (nats-server must be installed), which " +
        "also stores the messages. One NATS server is down for a while, then two; then a server is lost for good.",
    },
    "one-process": {
      kind: "flag",
      help: "Run all servers in this process. Kills then only close servers.",
    },
    seed: SEED_OPTION,
    json: { kind: "flag", help: "Print only the findings, as a JSON object." },
  },
  examples: [
    { command: "deno task lab run", what: "Send messages for ten seconds without faults" },
    {
      command: "deno task lab run --kill-every 2 --faults --seconds 30",
      what: "Kill servers and cause faults for half a minute",
    },
    {
      command:
        "deno task lab run --nats --servers 3 --clients 50 --kill-every 5 --faults --seconds 60",
      what: "Kill servers and NATS servers for a minute",
    },
    {
      command: "deno task lab run --servers 5 --clients 100 --messages 100000 --rate 1000",
      what: "Send a hundred thousand messages",
    },
  ],
} as const satisfies Program;

/**
 * Runs `lab run`.
 *
 * @param program The program of the servers: a path or URL. Tests use one that loses messages.
 * @returns The exit code of the checker, or 2 when `stop` aborts.
 */
export async function runLabRun(
  options: OptionValues<typeof labRunProgram.options>,
  stop: AbortSignal,
  program?: string,
): Promise<number> {
  try {
    return await run(options, stop, program);
  } catch (error) {
    // Ctrl-C also ends the servers, so any error after it is a consequence.
    if (!stop.aborted) throw error;
    print("Interrupted: this run cannot tell whether the guarantees were kept");
    return 2;
  }
}

async function run(
  options: OptionValues<typeof labRunProgram.options>,
  stop: AbortSignal,
  program: string | undefined,
): Promise<number> {
  const system = systemOf(options.system);
  if (options.seconds !== undefined && options.messages !== undefined) {
    throw new UsageError("Options --seconds and --messages cannot be used together");
  }
  if (options.faults && options.servers < 2) {
    throw new UsageError("Option --faults needs at least two servers: there is no link to break");
  }
  if (options.nats && options.memory) {
    throw new UsageError(
      "Options --nats and --memory exclude each other: NATS stores the messages",
    );
  }
  if (options.nats && !await hasNatsServer()) {
    throw new UsageError(
      "Option --nats needs nats-server: install it (apt-get install nats-server)",
    );
  }
  const seed = options.seed ?? randomSeed();
  const started = performance.now();
  const scene: Scene = { phase: "writing", rate: new Rate() };
  using live = new Live((columns) => options.json ? [] : statusLines(columns, scene));
  const tell = (line: string) => {
    const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(5);
    if (!options.json) live.print(`${dim(`${seconds}s`)}  ${line}`);
  };

  const data = options.memory ? undefined : freshFolder(options.data);
  await using folder = new AsyncDisposableStack();
  if (data !== undefined) folder.defer(() => Deno.remove(data, { recursive: true }));
  await using cluster = await Cluster.start({
    servers: options.servers,
    system,
    processes: !options["one-process"],
    proxies: options.faults,
    // Otherwise users who are away would connect to servers directly.
    hidden: true,
    seed,
    nats: options.nats ? NATS_SERVERS : 0,
    ...program !== undefined && { program },
    ...data !== undefined && { data },
    onEvent: (server, { event }) => {
      if (event === "crashed") tell(red(`server ${server} crashed by itself`));
      if (event === "route.changed") scene.load?.changed();
    },
  });
  await unlessAborted(cluster.linked(), stop);
  const where = options["one-process"] ? "in this process" : "in processes of their own";
  tell(`${bold(`${options.servers} ${system} servers`)} run ${where}, all linked`);
  const servers = cluster.servers.map(({ address }) => address);
  const { clients, rate: perSecond } = options;
  const switchEvery = options["switch-every"];
  const switchEveryMs = switchEvery === undefined ? undefined : switchEvery * 1_000;
  const connecting = Load.connect({
    system,
    servers,
    clients,
    perSecond,
    switchEveryMs,
    absences: true,
    seed,
  });
  await using load = await unlessAborted(connecting, stop);
  scene.load = load;
  tell(`${bold(`${clients} users`)} send ${count(perSecond)} messages per second; seed ${seed}`);

  const killEvery = options["kill-every"];
  const chaos = new Chaos(cluster, {
    killEveryMs: killEvery === undefined ? undefined : killEvery * 1_000,
    faults: options.faults,
    seed,
    tell: (what) => {
      load.changed();
      tell(yellow(what));
    },
  });
  Object.assign(scene, { cluster, chaos });
  const { messages } = options;
  const seconds = options.seconds ?? (messages === undefined ? 10 : messages / perSecond);
  const outages = options.nats
    ? new NatsOutages(cluster, {
      everyMs: seconds * 1_000 / (OUTAGES + 1),
      tell: (what) => {
        load.changed();
        tell(yellow(what));
      },
    })
    : undefined;
  try {
    const end = messages === undefined ? { ms: (options.seconds ?? 10) * 1_000 } : { messages };
    await unlessAborted(load.run(end, stop), stop);
  } finally {
    scene.phase = "repairing";
    await outages?.stop();
    await chaos.stop();
  }
  await unlessAborted(cluster.linked(), stop);
  scene.phase = "waiting";
  tell("All messages are sent; waiting for those in flight");
  await load.settle(stop);
  stop.throwIfAborted();
  live[Symbol.dispose]();
  const findings = checkHistory(load.history);
  const { switches, absences } = load.counts;
  if (options.json) {
    print(
      toJson({ ...findings, seed, kills: chaos.kills, switches, absences }),
    );
  } else printFindings(findings, load, chaos);
  return findings.exitCode;
}

/**
 * Creates the folder for the run, and returns its real path. The end of the run removes it.
 *
 * @throws {UsageError} When it exists already.
 */
function freshFolder(path: string): string {
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/") + 1) || ".", { recursive: true });
    Deno.mkdirSync(path);
    return Deno.realPathSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new UsageError(`Option --data: ${path} exists; remove it or name another folder`);
  }
}

function printFindings(findings: Findings, load: Load, chaos: Chaos): void {
  const [verdict, ...lines] = formatFindings(findings);
  const color = [green, red, yellow][findings.exitCode]!;
  print();
  print(color(bold(verdict!)));
  for (const line of lines) print(line);
  const { switches, absences } = load.counts;
  print(
    `  ${counted(chaos.kills, "kill")}, ${counted(chaos.faults, "fault")} on links, ` +
      `${counted(switches, "move")} of users, ${counted(absences, "absence")} of users`,
  );
  for (const line of load.thrownOut) print(yellow(`  disconnected for good: ${line}`));
}

/** What the live output shows. */
interface Scene {
  phase: string;
  rate: Rate;
  cluster?: Cluster;
  load?: Load;
  chaos?: Chaos;
}

/** Returns the lines that stay at the bottom of the terminal. */
function statusLines(columns: number, { phase, rate, cluster, load, chaos }: Scene): string[] {
  if (!cluster || !load || !chaos) return [];
  const { servers } = cluster;
  const { counts } = load;
  const inFlight = counts.sent - counts.accepted - counts.refused - counts.unanswered;
  const linked = servers.reduce((sum, { links }) => sum + links, 0) / 2;
  const field = (name: string, value: string) => `${dim(name)} ${value}`;
  return [
    dim("─".repeat(Math.max(0, Math.min(columns - 1, 79)))),
    [
      ` ${bold(phase)}`,
      field("servers", servers.map(({ running }) => running ? green("●") : red("○")).join(" ")),
      field("links", `${Math.floor(linked)} of ${servers.length * (servers.length - 1) / 2}`),
      field("kills", String(chaos.kills)),
      field("faults", String(chaos.faults)),
    ].join("   "),
    [
      ` ${field("sent", cyan(count(counts.sent)))}`,
      field("accepted", count(counts.accepted)),
      field("seen", count(counts.seen)),
      `${count(rate.of(counts.seen))}/s`,
    ].join("   "),
    [
      ` ${field("refused", count(counts.refused))}`,
      field("unanswered", count(counts.unanswered)),
      field("in flight", count(inFlight)),
      field("away", count(counts.away)),
      counts.offline > 0 ? yellow(`${counted(counts.offline, "user")} without a server`) : "",
    ].join("   "),
  ];
}

/** Measures how much a count grew in the last second. */
class Rate {
  readonly #samples: { at: number; count: number }[] = [];

  of(count: number): number {
    const at = performance.now();
    this.#samples.push({ at, count });
    while (at - this.#samples[0]!.at > 1_000) this.#samples.shift();
    const [first] = this.#samples;
    const ms = at - first!.at;
    return ms < 100 ? 0 : Math.round((count - first!.count) / ms * 1_000);
  }
}
