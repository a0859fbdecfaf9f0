/**
 * Runs one scenario: honest users write to each other before, during and after an attack, and then beside
 * harmless programs that are as busy as the attack made everybody. Measures; `verdict.ts` judges.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import { freePorts } from "../cluster/ports.ts";
import { Process } from "../cluster/process.ts";
import { type Resources, ResourceWatch } from "../cluster/resources.ts";
import { programOf } from "../cluster/server_start.ts";
import { type Latency, latencyOf } from "../statistics.ts";
import { Attacker, type AttackOrder } from "./attacker.ts";
import { HonestUsers } from "./honest_users.ts";
import type { Scenario } from "./scenarios.ts";
import { startTarget } from "./target.ts";
import { BACK_MS, limitMs, type Measured, type Use } from "./verdict.ts";

/** How to run a scenario. */
export interface ScenarioOptions {
  /** How long the attack takes, and each period that it is compared with: milliseconds. */
  readonly ms: number;
  /** Whether the attack uses the numbers of a real attacker, instead of a tenth of them. */
  readonly full: boolean;
  /** How much the attacker sends at most: bytes. */
  readonly maxBytes: number;
  /** The seed of random decisions. */
  readonly seed: number;
  /** The program of the servers: a path or URL. `undefined` for the program of the system. */
  readonly program?: string | undefined;
  /** The folder for servers that store messages. It must not exist yet. */
  readonly data: string;
  /** Called when a new period begins, with its name. */
  readonly onPeriod?: (name: string) => void;
}

/** How many servers there are. */
const SERVERS = 3;
/** How many honest users there are, and how many messages they send per second, all together. */
const USERS = 10;
const PER_SECOND = 100;
/** How long a client that is attacked has to start: milliseconds. */
const VICTIM_MS = 4_000;
/** The interval at which processes are looked at: milliseconds. */
const WATCH_MS = 250;
/** How long users write before anything is measured: programs are slower at first. Milliseconds. */
const WARM_MS = 3_000;
/** Delivery is normal again when two periods of this length in a row were normal: milliseconds. */
const WINDOW_MS = 500;
/** How much more memory than before counts as the same: a process with more heap collects it later. */
const SAME_FACTOR = 1.25;
const SAME_BYTES = 48 * 1024 * 1024;
/** How many more descriptors than before count as the same. */
const SAME_DESCRIPTORS = 10;

const now = () => performance.timeOrigin + performance.now();

/**
 * Runs a scenario.
 *
 * @throws {unknown} The reason of `stop` when it aborts.
 */
export async function runScenario(
  scenario: Scenario,
  options: ScenarioOptions,
  stop: AbortSignal,
): Promise<Measured> {
  const { system } = scenario;
  const { ms, seed, program, onPeriod = () => {} } = options;
  const data = scenario.data ? options.data : undefined;
  await using stack = new AsyncDisposableStack();
  if (data !== undefined) {
    stack.defer(() => Deno.remove(data, { recursive: true }).catch(() => {}));
  }
  const [port] = freePorts(1);
  const target = stack.use(await startTarget({ system, servers: SERVERS, program, data }));
  const servers = target.addresses;
  const honest = stack.use(
    await HonestUsers.start({ system, servers, users: USERS, perSecond: PER_SECOND, seed }),
  );
  const attacker = stack.use(await Attacker.start());
  const burners = [await Attacker.start()];
  for (const _ of servers) burners.push(await Attacker.start(false));
  for (const burner of burners) stack.use(burner);
  const warmMs = Math.min(WARM_MS, 2 * ms);
  const order: Omit<AttackOrder, "attack"> = {
    ...{ servers, port: port!, ms, seed, share: 0, delayMs: 0 },
    ...{ full: options.full, maxBytes: options.maxBytes },
  };
  // A client that is attacked must be connected before.
  const delayMs = scenario.victim ? VICTIM_MS + warmMs + ms : 0;
  const attack = () =>
    attacker.attack({ ...order, attack: scenario.attack, ms: ms + delayMs, delayMs });
  const early = scenario.victim ? attack() : undefined;
  early?.catch(() => {}); // awaited below
  const earlyEnd = performance.now() + delayMs;
  const victim = scenario.victim && system !== "basic"
    ? stack.use(startVictim(system, port!))
    : undefined;
  const watched = [...target.pids, honest.pid, ...victim ? [victim.pid] : []];
  const watch = stack.use(await ResourceWatch.start([...watched, attacker.pid], WATCH_MS));

  /** Waits for a period, and returns its limits. */
  const period = async (name: string, ms: number): Promise<[number, number]> => {
    onPeriod(name);
    const from = now();
    await pause(ms, stop);
    return [from, now()];
  };
  await period("warming up", warmMs);
  const before = await period("before", ms);
  // Messages that are slow because of the attack must not count.
  const normal = latencyOf(honest.between(...before));
  const usual = (what: (resources: Resources) => number) =>
    new Map(watched.map((pid) => [pid, Math.max(...watch.of(pid).map(what))]));
  const memoryBefore = usual(({ memoryBytes }) => memoryBytes);
  const descriptorsBefore = usual(({ descriptors }) => descriptors);
  const loggedBefore = target.outputBytes;

  if (early) await pause(Math.max(0, earlyEnd - performance.now()), stop);
  onPeriod("attack");
  const from = now();
  const busy = [attacker.pid, ...target.pids];
  const idleShares = sharesOf(watch, busy, from - ms);
  const use = await (early ?? attack());
  stop.throwIfAborted();
  const end = now();
  await pause(WATCH_MS, stop);
  // Its connections end at the latest with the process.
  await attacker[Symbol.asyncDispose]();
  const shares = sharesOf(watch, busy, from);

  onPeriod("after");
  const memory = (): Use =>
    worst(
      watched,
      memoryBefore,
      watch,
      from,
      end,
      ({ memoryBytes }) => memoryBytes,
      (bytes) => SAME_FACTOR * bytes + SAME_BYTES + (scenario.storedBytes ?? 0),
    );
  const descriptors = (): Use =>
    worst(
      watched,
      descriptorsBefore,
      watch,
      from,
      end,
      ({ descriptors }) => descriptors,
      (count) => count + SAME_DESCRIPTORS,
    );
  const isBack = () =>
    recoveryOf(honest, end, normal) !== undefined && memory().backMs !== undefined &&
    descriptors().backMs !== undefined;
  while (now() - end < BACK_MS && !isBack()) await pause(WINDOW_MS, stop);
  const recoveryMs = recoveryOf(honest, end, normal);
  const [backFrom, backTo] = await period("after", ms);
  onPeriod("control");
  const controlFrom = now();
  await Promise.all(burners.map((burner, n) => {
    const share = Math.min(1, Math.max(0, shares[n]! - idleShares[n]!));
    return burner.attack({ ...order, share, attack: "burn" });
  }));
  const control = [controlFrom, now()] as const;
  stop.throwIfAborted();
  onPeriod("waiting for messages in flight");
  const kept = await honest.finish();
  return {
    before: normal,
    during: latencyOf(honest.between(from, end)),
    after: latencyOf(honest.between(backFrom, backTo)),
    control: latencyOf(honest.between(...control)),
    attackerShare: shares[0]!,
    serverShare: Math.max(...shares.slice(1)),
    recoveryMs,
    memory: memory(),
    descriptors: descriptors(),
    logBytes: target.outputBytes - loggedBefore,
    lostLinks: target.lostLinks,
    crashed: target.crashed + (victim && watch.of(victim.pid).at(-1)!.at < end ? 1 : 0),
    honest: kept,
    attacker: use,
  };
}

/** Returns the share of one processor that each process has used since a time: milliseconds since 1970. */
function sharesOf(watch: ResourceWatch, pids: readonly number[], from: number): number[] {
  return pids.map((pid) => {
    const samples = watch.of(pid);
    const first = samples.findLast(({ at }) => at <= from) ?? samples[0]!;
    const last = samples.at(-1)!;
    return last.at > first.at ? (last.cpuMs - first.cpuMs) / (last.at - first.at) : 0;
  });
}

/** A client at a terminal that knows only the hostile server. */
function startVictim(system: "p2p" | "rtt", port: number): Process {
  const address = `${DEFAULT_HOST}:${port}`;
  return Process.start(programOf(system, "client"), ["--name", "Victim", "--server", address], {
    stdin: "piped",
  });
}

/**
 * Finds out how long after the end of an attack delivery was normal again: the beginning of two windows in a
 * row in which nine of ten messages took no longer than is fine. `undefined` if there are none yet.
 */
function recoveryOf(
  honest: HonestUsers,
  end: number,
  normal: Latency | undefined,
): number | undefined {
  const limit = limitMs({ before: normal, control: undefined });
  const isFine = (from: number) => {
    const found = latencyOf(honest.between(from, from + WINDOW_MS));
    return found !== undefined && found.p90 <= limit;
  };
  const last = now() - 2 * WINDOW_MS - limit;
  for (let at = end; at <= last; at += WINDOW_MS / 2) {
    if (isFine(at) && isFine(at + WINDOW_MS)) return Math.round(at - end);
  }
  return undefined;
}

/** Finds the process whose use of something grew most, and when it was back. */
function worst(
  pids: readonly number[],
  usual: ReadonlyMap<number, number>,
  watch: ResourceWatch,
  from: number,
  end: number,
  what: (resources: Resources) => number,
  limit: (before: number) => number,
): Use {
  const uses = pids.map((pid): Use => {
    const before = usual.get(pid)!;
    const samples = watch.of(pid).filter(({ at }) => at >= from);
    const peak = Math.max(before, ...samples.map(what));
    // The last time that it was too much, it was not back.
    const last = samples.findLastIndex((sample) => what(sample) > limit(before));
    const back = samples[last + 1];
    return { before, peak, backMs: back && Math.round(Math.max(0, back.at - end)) };
  });
  const late = uses.filter(({ backMs }) => backMs === undefined);
  return (late.length > 0 ? late : uses).reduce((most, use) =>
    use.peak - use.before > most.peak - most.before ? use : most
  );
}

/** Waits, and throws the reason of `stop` when it aborts. */
async function pause(ms: number, stop: AbortSignal): Promise<void> {
  stop.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = () => resolve();
  stop.addEventListener("abort", wake);
  await promise;
  clearTimeout(timer);
  stop.removeEventListener("abort", wake);
  stop.throwIfAborted();
}
