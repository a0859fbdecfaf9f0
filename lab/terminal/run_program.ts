/**
 * `lab run`: a cluster under load with things going wrong, live, and a verdict at the end. Owns what
 * the person sees; the work is the cluster's, the load's, the chaos' and the checker's.
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
  unlessAborted,
  UsageError,
  yellow,
} from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { Chaos } from "../cluster/chaos.ts";
import { checkHistory, type Findings } from "../checker/checker.ts";
import { Cluster } from "../cluster/cluster.ts";
import { Load } from "../load/load.ts";
import { randomSeed } from "../random.ts";
import { count, formatFindings } from "../checker/report.ts";
import { SYSTEM_OPTION, systemOf } from "./system_option.ts";

/** What `lab run` is. */
export const labRunProgram = {
  name: "netlab lab run",
  summary:
    "Starts servers, lets users send and post to each other, breaks things meanwhile, and says which promises " +
    "were kept. Exit code 0: all; 1: one was broken; 2: cannot be told.",
  version: config.version,
  usage: "deno task lab run [options]",
  options: {
    servers: { kind: "integer", default: 5, min: 1, max: 25, help: "How many servers." },
    clients: { kind: "integer", default: 20, min: 2, help: "How many users." },
    seconds: { kind: "seconds", help: "How long they write. Default: 10, unless --messages." },
    messages: { kind: "integer", min: 1, help: "How many messages they send, however long." },
    rate: {
      kind: "integer",
      default: 200,
      min: 1,
      help: "Messages sent a second, all together; as many are posted.",
    },
    system: SYSTEM_OPTION,
    "kill-every": {
      kind: "seconds",
      help: "Kill a server (kill -9) every so often; it comes back soon.",
    },
    data: {
      kind: "string",
      value: "DIR",
      default: "data/lab",
      help: "Servers write messages down below this folder, which must not be there yet.",
    },
    memory: { kind: "flag", help: "They keep messages in memory alone: a kill loses some." },
    "switch-every": {
      kind: "seconds",
      help: "Move some user to another server every so often, in the midst of it all.",
    },
    faults: { kind: "flag", help: "Make links slow, cut them, part the network." },
    "one-process": { kind: "flag", help: "All servers in this process; kills are milder then." },
    seed: { kind: "integer", help: "What chance starts from. Default: a random one, shown." },
    json: { kind: "flag", help: "Print the findings as a JSON object, and nothing else." },
  },
  examples: [
    { command: "deno task lab run", what: "Ten seconds of peace" },
    {
      command: "deno task lab run --kill-every 2 --faults --seconds 30",
      what: "Half a minute of trouble",
    },
    {
      command: "deno task lab run --servers 5 --clients 100 --messages 100000 --rate 1000",
      what: "A hundred thousand messages",
    },
  ],
} as const satisfies Program;

/**
 * Runs it; the exit code is the checker's, or 2 when `stop` aborts.
 *
 * @param program What each server runs instead of the system's own: for tests, which have worse ones.
 */
export async function runLabRun(
  options: OptionValues<typeof labRunProgram.options>,
  stop: AbortSignal,
  program?: string,
): Promise<number> {
  try {
    return await run(options, stop, program);
  } catch (error) {
    // Ctrl-C reaches the servers as well: whatever fails behind it fails because of that.
    if (!stop.aborted) throw error;
    print("Interrupted: whether the promises were kept cannot be told");
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
    throw new UsageError("Options --seconds and --messages exclude each other");
  }
  if (options.faults && options.servers < 2) {
    throw new UsageError("Option --faults needs at least two servers: there is no link to break");
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
    // Or users who are away would find ways round.
    hidden: true,
    seed,
    ...program !== undefined && { program },
    ...data !== undefined && { data },
    onEvent: (server, { event }) => {
      if (event === "crashed") tell(red(`server ${server} crashed by itself`));
      if (event === "route.changed") scene.load?.changed();
    },
  });
  await unlessAborted(cluster.linked(), stop);
  const where = options["one-process"] ? "in this process" : "processes of their own";
  tell(`${bold(`${options.servers} ${system} servers`)} run, ${where}, all linked`);
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
  tell(`${bold(`${clients} users`)} write, ${count(perSecond)} messages a second; seed ${seed}`);

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
  try {
    const end = messages === undefined ? { ms: (options.seconds ?? 10) * 1_000 } : { messages };
    await unlessAborted(load.run(end, stop), stop);
  } finally {
    scene.phase = "mending";
    await chaos.stop();
  }
  await unlessAborted(cluster.linked(), stop);
  scene.phase = "waiting";
  tell("Nobody writes any more; waiting for what is under way");
  await load.settle(stop);
  stop.throwIfAborted();
  live[Symbol.dispose]();
  const findings = checkHistory(load.history);
  const { switches, absences } = load.counts;
  if (options.json) {
    print(
      JSON.stringify({ ...findings, seed, kills: chaos.kills, switches, absences }),
    );
  } else printFindings(findings, load, chaos);
  return findings.exitCode;
}

/** Makes the folder for the run; it is taken away at the end. */
function freshFolder(path: string): string {
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/") + 1) || ".", { recursive: true });
    Deno.mkdirSync(path);
    return Deno.realPathSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new UsageError(`Option --data: ${path} is there already; take it away or name another`);
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
    `  ${count(chaos.kills)} kills, ${count(chaos.faults)} faults on links, ` +
      `${count(switches)} switches, ${count(absences)} absences of users`,
  );
  for (const line of load.thrownOut) print(yellow(`  thrown out: ${line}`));
}

/** What there is to see. */
interface Scene {
  phase: string;
  rate: Rate;
  cluster?: Cluster;
  load?: Load;
  chaos?: Chaos;
}

/** The lines that stay at the bottom. */
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
      field("under way", count(inFlight)),
      field("away", count(counts.away)),
      counts.offline > 0 ? yellow(`${counts.offline} users look for a server`) : "",
    ].join("   "),
  ];
}

/** How fast a count grows, over the last second. */
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
