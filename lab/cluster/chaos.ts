/**
 * Breaks a cluster at random: kills servers and starts them again, and makes links worse for a while. All
 * decisions come from one seed. Knows nothing of users.
 *
 * @module
 */
import type { Cluster } from "./cluster.ts";
import { inRange, pick, type Random, seeded } from "../random.ts";

/** What goes wrong. */
export interface ChaosOptions {
  /** The time between two kills of a server: milliseconds. `undefined` for no kills. */
  readonly killEveryMs: number | undefined;
  /** Whether links get worse. The cluster must have proxies. */
  readonly faults: boolean;
  /** The seed of all random decisions. */
  readonly seed: number;
  /** Called with a description of each event. */
  readonly tell: (what: string) => void;
}

/** How long a killed server stays down: milliseconds, shortest and longest. */
const DOWN_MS = [300, 1_500] as const;
/** How long a fault lasts: milliseconds, shortest and longest. */
const FAULT_MS = [500, 4_000] as const;
/** The time between two faults: milliseconds, shortest and longest. */
const PEACE_MS = [200, 2_000] as const;

/** A server that can be killed. */
interface Killable {
  readonly index: number;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** Breaks a cluster again and again, until it is stopped. */
export class Chaos {
  /** How many servers were killed so far. */
  kills = 0;
  /** How many faults on links there were so far. */
  faults = 0;
  readonly #cluster: Cluster;
  readonly #options: ChaosOptions;
  readonly #end = new AbortController();
  readonly #work: Promise<void>[] = [];

  /** Starts breaking the cluster at once. */
  constructor(cluster: Cluster, options: ChaosOptions) {
    this.#cluster = cluster;
    this.#options = options;
    if (options.killEveryMs !== undefined) {
      this.#work.push(this.#kill(options.killEveryMs, seeded(options.seed, 2)));
    }
    if (options.faults) this.#work.push(this.#worsen(seeded(options.seed, 3)));
  }

  /** Stops. When this resolves, all servers run and no link has a fault. */
  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#work);
  }

  async #kill(everyMs: number, random: Random): Promise<void> {
    const restarts = new Set<Promise<void>>();
    while (await this.#pause(everyMs)) {
      const { nats } = this.#cluster;
      // Without one NATS server of three, the others go on.
      if (nats.length > 2 && nats.every(({ running }) => running) && random() < 0.5) {
        this.#restartLater(pick(random, nats), "NATS server", inRange(random, DOWN_MS), restarts);
        continue;
      }
      const running = this.#cluster.servers.filter((server) => server.running);
      if (running.length < 2) continue; // one server must stay
      this.#restartLater(pick(random, running), "server", inRange(random, DOWN_MS), restarts);
    }
    await Promise.all(restarts);
  }

  /** Kills a server, and starts it again after a while. */
  #restartLater(
    server: Killable,
    kind: string,
    downMs: number,
    restarts: Set<Promise<void>>,
  ): void {
    const { tell } = this.#options;
    const name = `${kind} ${server.index}`;
    this.kills++;
    tell(`kill -9: ${name} is down for ${(downMs / 1_000).toFixed(1)} s`);
    const restart = server.kill().then(() => this.#pause(downMs)).then(() => server.restart()).then(
      () => {
        tell(`${name} is back`);
        restarts.delete(restart);
      },
    );
    restart.catch(() => {}); // the end of the kills awaits it
    restarts.add(restart);
  }

  async #worsen(random: Random): Promise<void> {
    while (await this.#pause(inRange(random, PEACE_MS))) {
      const ms = Math.round(inRange(random, FAULT_MS));
      const { what, undo } = pick(random, FAULTS)(this.#cluster, random);
      this.faults++;
      this.#options.tell(undo ? `${what}, for ${(ms / 1_000).toFixed(1)} s` : what);
      if (!undo) continue;
      await this.#pause(ms);
      undo();
    }
  }

  /** Waits. Returns `false` if the chaos was stopped meanwhile. */
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

/** Causes a fault and describes it. Without `undo`, it is over at once. */
type Fault = (cluster: Cluster, random: Random) => { what: string; undo?: () => void };

const FAULTS: readonly Fault[] = [
  (cluster, random) => {
    const [from, to] = twoOf(cluster, random);
    const latencyMs = Math.round(inRange(random, [20, 200]));
    cluster.setFaults(from, to, { latencyMs, jitterMs: latencyMs / 2 });
    return {
      what: `link ${from} → ${to}: ${latencyMs} ms slower, plus or minus half`,
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
    const direction = random() < 0.5 ? "both" : "forth";
    cluster.partition([one], others, direction);
    return {
      what: direction === "both"
        ? `partition: nothing between server ${one} and the others`
        : `partition: nothing from server ${one} to the others`,
      undo: () => cluster.heal(),
    };
  },
  (cluster, random) => {
    const { index, proxy } = pick(random, cluster.servers);
    proxy!.cut();
    return { what: `users of server ${index}: connections reset` };
  },
  (cluster, random) => {
    const { index, proxy } = pick(random, cluster.servers);
    const slow = { latencyMs: 50, jitterMs: 20, sliceBytes: 200 };
    proxy!.set({ toTarget: slow, toClient: slow });
    return {
      what: `users of server ${index}: 50 ms slower, in pieces of at most 200 bytes`,
      undo: () => proxy!.set({ toTarget: {}, toClient: {} }),
    };
  },
];

/** Picks two different servers and returns their numbers. */
function twoOf({ servers }: Cluster, random: Random): [number, number] {
  const one = Math.floor(random() * servers.length);
  const step = 1 + Math.floor(random() * (servers.length - 1));
  return [one, (one + step) % servers.length];
}
