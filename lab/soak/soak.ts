/**
 * Runs servers under mixed load for a long time, with faults and attackers, and looks at what they use
 * whenever everything rests. `trend.ts` judges.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import { Attacker } from "../attack/attacker.ts";
import type { AttackName } from "../attack/attacks/mod.ts";
import { SCENARIOS } from "../attack/scenarios.ts";
import { checkHistory, type Findings } from "../checker/checker.ts";
import { Chaos } from "../cluster/chaos.ts";
import { Cluster } from "../cluster/cluster.ts";
import { freePorts } from "../cluster/ports.ts";
import { ResourceWatch } from "../cluster/resources.ts";
import type { ClusterSystem } from "../cluster/server_start.ts";
import { Load } from "../load/load.ts";
import type { RestPoint } from "./trend.ts";

/** How to run. */
export interface SoakOptions {
  /** The system of servers and users. */
  readonly system: ClusterSystem;
  /** How long to run: milliseconds. */
  readonly ms: number;
  /** The folder in which servers store messages. It must not exist yet. */
  readonly data: string;
  /** The program of the servers: a path or URL. `undefined` for one of the system that collects its garbage often. */
  readonly program?: string | undefined;
  /** The seed of random decisions. */
  readonly seed: number;
  /** Called with what happens. */
  readonly tell: (what: string) => void;
  /** Called after each round, with all moments of rest so far. */
  readonly onRest: (points: readonly RestPoint[]) => void;
}

/** What a run has found. */
export interface Soak {
  /** What the servers used whenever everything rested. */
  readonly points: readonly RestPoint[];
  /** Whether the guarantees were kept. */
  readonly findings: Findings;
  /** How many servers ended by themselves. */
  readonly crashed: number;
}

const SERVERS = 3;
const USERS = 12;
const PER_SECOND = 100;
/** The longest round: milliseconds. Every round is the same: load, faults, and each attack once. */
const ROUND_MS = 120_000;
/** The fewest rounds. */
const MIN_ROUNDS = 9;
/** How long everything rests after a round: milliseconds. It is the tenth part of shorter rounds. */
const REST_MS = 12_000;
/** The interval at which servers are looked at: milliseconds. */
const WATCH_MS = 500;
/** The most that one attack sends: bytes. */
const MAX_BYTES = 500_000_000;

/**
 * The attacks. Those are missing that take the place of an honest user or server, which anyone can on a
 * network without keys: the load would fail, and not the servers.
 */
const ATTACKS: readonly AttackName[] = [
  ...new Set(SCENARIOS.filter(({ system }) => system !== "basic").map(({ attack }) => attack)),
].filter((attack) => attack !== "hostileServer" && attack !== "claims");

/**
 * Runs until the time is over.
 *
 * @throws {unknown} The reason of `stop` when it aborts.
 */
export async function runSoak(options: SoakOptions, stop: AbortSignal): Promise<Soak> {
  const { system, ms, data, seed, tell, onRest } = options;
  const program = options.program ?? import.meta.resolve(`./${system}_server.ts`);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(data, { recursive: true }).catch(() => {}));
  let crashed = 0;
  const changes: { load?: Load } = {};
  const cluster = stack.use(
    await Cluster.start({
      servers: SERVERS,
      system,
      processes: true,
      proxies: true,
      data,
      seed,
      program,
      onEvent: (server, { event }) => {
        if (event === "crashed") tell(`server ${server} crashed by itself (${++crashed})`);
        if (event === "route.changed") changes.load?.changed();
      },
    }),
  );
  await cluster.linked();
  const servers = cluster.servers.map(({ address }) => address);
  const load = stack.use(
    await Load.connect({
      ...{ system, servers, seed },
      clients: USERS,
      perSecond: PER_SECOND,
      absences: true,
    }),
  );
  changes.load = load;
  const pids = cluster.servers.map(({ pid }) => pid!);
  const watch = stack.use(await ResourceWatch.start(pids, WATCH_MS));
  const ports = cluster.servers.map(({ port }) => port);
  const [port] = freePorts(1);
  const fullRound = Math.min(ROUND_MS + REST_MS, ms / MIN_ROUNDS);
  const restMs = fullRound * REST_MS / (ROUND_MS + REST_MS);
  const points: RestPoint[] = [];
  const start = performance.now();
  for (let round = 0; performance.now() - start < ms - fullRound / 2 && crashed === 0; round++) {
    load.changed();
    const chaos = new Chaos(cluster, {
      killEveryMs: undefined,
      faults: true,
      seed: seed + round,
      tell: () => load.changed(),
    });
    const end = new AbortController();
    const running = load.run({}, AbortSignal.any([stop, end.signal]));
    try {
      for (const [index, attack] of ATTACKS.entries()) {
        stop.throwIfAborted();
        await using attacker = await Attacker.start();
        const use = await attacker.attack({
          attack,
          servers: ports.map((port) => `${DEFAULT_HOST}:${port}`),
          port: port!,
          // The time to start the process is a part of the round, too.
          ms: Math.max(100, (fullRound - restMs) / ATTACKS.length * 0.8),
          maxBytes: MAX_BYTES,
          full: false,
          share: 0,
          delayMs: 0,
          seed: seed + round * ATTACKS.length + index,
        });
        tell(`${attack}: ${use.connections} connections, ${use.sentBytes} bytes`);
      }
    } finally {
      end.abort();
      await chaos.stop();
      await running;
    }
    await cluster.linked();
    await load.settle(stop);
    stop.throwIfAborted();
    const restFrom = performance.timeOrigin + performance.now();
    await new Promise((resolve) => setTimeout(resolve, restMs + WATCH_MS));
    // Memory that can be collected at any moment is not kept, so the least counts.
    const least = (what: "memoryBytes" | "descriptors") =>
      pids.map((pid) =>
        Math.min(...watch.of(pid).filter(({ at }) => at >= restFrom).map((use) => use[what]))
      );
    points.push({
      atMs: Math.round(performance.now() - start),
      memoryBytes: least("memoryBytes"),
      descriptors: least("descriptors").reduce((sum, count) => sum + count, 0),
    });
    onRest(points);
  }
  return { points, findings: checkHistory(load.history), crashed };
}
