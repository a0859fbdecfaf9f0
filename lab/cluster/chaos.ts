/**
 * What goes wrong in a run and when: servers that are killed and come back, links that get worse and
 * better again, all drawn from one seed. Knows nothing of users.
 *
 * @module
 */
import type { Cluster } from "./cluster.ts";
import { pick, type Random, seeded } from "../random.ts";

/** What is to go wrong. */
export interface ChaosOptions {
  /** A server is killed every so often: milliseconds; never when left out. */
  readonly killEveryMs: number | undefined;
  /** Whether links get worse; the cluster must have proxies. */
  readonly faults: boolean;
  /** What chance starts from. */
  readonly seed: number;
  /** Hears each thing that happens, as a sentence. */
  readonly tell: (what: string) => void;
}

/** How long a killed server stays away, and how long a fault lasts: milliseconds, least and most. */
const AWAY_MS = [300, 1_500] as const;
const FAULT_MS = [500, 4_000] as const;
/** How long it is until the next fault: milliseconds, least and most. */
const PEACE_MS = [200, 2_000] as const;

/** Breaks a cluster, again and again. */
export class Chaos {
  /** How many servers were killed. */
  kills = 0;
  /** How many faults there were. */
  faults = 0;
  readonly #cluster: Cluster;
  readonly #options: ChaosOptions;
  readonly #end = new AbortController();
  readonly #work: Promise<void>[] = [];

  /** Begins at once. */
  constructor(cluster: Cluster, options: ChaosOptions) {
    this.#cluster = cluster;
    this.#options = options;
    if (options.killEveryMs !== undefined) {
      this.#work.push(this.#kill(options.killEveryMs, seeded(options.seed, 2)));
    }
    if (options.faults) this.#work.push(this.#worsen(seeded(options.seed, 3)));
  }

  /** Ends it: when this resolves, all servers run and no link has a fault. */
  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#work);
  }

  async #kill(everyMs: number, random: Random): Promise<void> {
    const { tell } = this.#options;
    const away = new Set<Promise<void>>();
    while (await this.#pause(everyMs)) {
      const running = this.#cluster.servers.filter((server) => server.running);
      if (running.length < 2) continue; // somebody has to be there
      const server = pick(random, running);
      const awayMs = between(random, AWAY_MS);
      this.kills++;
      tell(`kill -9: server ${server.index} is gone for ${(awayMs / 1_000).toFixed(1)} s`);
      await server.kill();
      const back = this.#pause(awayMs).then(() => server.restart()).then(() => {
        tell(`server ${server.index} is back`);
        away.delete(back);
      });
      back.catch(() => {}); // it is awaited at the end
      away.add(back);
    }
    await Promise.all(away);
  }

  async #worsen(random: Random): Promise<void> {
    while (await this.#pause(between(random, PEACE_MS))) {
      const ms = Math.round(between(random, FAULT_MS));
      const { what, undo } = pick(random, FAULTS)(this.#cluster, random);
      this.faults++;
      this.#options.tell(undo ? `${what}, for ${(ms / 1_000).toFixed(1)} s` : what);
      if (!undo) continue;
      await this.#pause(ms);
      undo();
    }
  }

  /** Waits; `false` when it is over before that. */
  async #pause(ms: number): Promise<boolean> {
    const { signal } = this.#end;
    if (signal.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake);
    await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", wake);
    return !signal.aborted;
  }
}

/** Something that goes wrong, and how it ends, unless it is over at once. */
type Fault = (cluster: Cluster, random: Random) => { what: string; undo?: () => void };

const FAULTS: readonly Fault[] = [
  (cluster, random) => {
    const [from, to] = twoOf(cluster, random);
    const latencyMs = Math.round(between(random, [20, 200]));
    cluster.setFaults(from, to, { latencyMs, jitterMs: latencyMs / 2 });
    return {
      what: `link ${from} → ${to}: ${latencyMs} ms more, give or take half`,
      undo: () => cluster.setFaults(from, to, {}),
    };
  },
  (cluster, random) => {
    const [from, to] = twoOf(cluster, random);
    cluster.setFaults(from, to, { bytesPerSecond: 20_000, sliceBytes: 100 });
    return {
      what: `link ${from} → ${to}: 20 kB/s in pieces of at most 100 bytes`,
      undo: () => cluster.setFaults(from, to, {}),
    };
  },
  (cluster, random) => {
    const [one, other] = twoOf(cluster, random);
    cluster.cutLink(one, other);
    return { what: `link ${one} – ${other}: reset` };
  },
  (cluster, random) => {
    const [one] = twoOf(cluster, random);
    const others = cluster.servers.map(({ index }) => index).filter((index) => index !== one);
    const ways = random() < 0.5 ? "both" : "forth";
    cluster.partition([one], others, ways);
    return {
      what: ways === "both"
        ? `partition: nothing between server ${one} and the others`
        : `partition: nothing from server ${one} to the others`,
      undo: () => cluster.heal(),
    };
  },
  (cluster, random) => {
    const { index, proxy } = pick(random, cluster.servers);
    proxy!.cut();
    return { what: `users of server ${index}: reset` };
  },
  (cluster, random) => {
    const { index, proxy } = pick(random, cluster.servers);
    const slow = { latencyMs: 50, jitterMs: 20, sliceBytes: 200 };
    proxy!.set({ toTarget: slow, toClient: slow });
    return {
      what: `users of server ${index}: 50 ms away, in pieces of at most 200 bytes`,
      undo: () => proxy!.set({ toTarget: {}, toClient: {} }),
    };
  },
];

function between(random: Random, [least, most]: readonly [number, number]): number {
  return least + random() * (most - least);
}

/** Two different servers. */
function twoOf({ servers }: Cluster, random: Random): [number, number] {
  const one = Math.floor(random() * servers.length);
  const step = 1 + Math.floor(random() * (servers.length - 1));
  return [one, (one + step) % servers.length];
}
