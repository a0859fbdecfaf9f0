/**
 * What a run with NATS must survive, one after the other: a NATS server that is down, most of them down, and a
 * server that is lost for good with its folder. Knows nothing of users.
 *
 * @module
 */
import type { Cluster } from "./cluster.ts";

/** How {@linkcode NatsOutages} come about. */
export interface NatsOutagesOptions {
  /** The time between two of them, and how long one lasts: milliseconds. */
  readonly everyMs: number;
  /** Called with a description of each event. */
  readonly tell: (what: string) => void;
}

/** Takes NATS servers down, and loses a server, while a cluster runs. */
export class NatsOutages {
  readonly #cluster: Cluster;
  readonly #options: NatsOutagesOptions;
  readonly #end = Promise.withResolvers<void>();
  readonly #work: Promise<void>;

  /** Begins at once. */
  constructor(cluster: Cluster, options: NatsOutagesOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#work = this.#run();
    this.#work.catch(() => {}); // stop() awaits it
  }

  /** Stops. When this resolves, all NATS servers run. */
  async stop(): Promise<void> {
    this.#end.resolve();
    await this.#work;
    for (const server of this.#cluster.nats) await server.restart();
  }

  async #run(): Promise<void> {
    const { tell } = this.#options;
    const { nats, servers } = this.#cluster;
    const most = Math.floor(nats.length / 2) + 1;
    for (const count of [most - 1, most]) {
      if (count === 0) continue;
      if (!await this.#pause()) return;
      tell(`${count} of ${nats.length} NATS servers are down`);
      const down = nats.slice(0, count);
      for (const server of down) server.isHeld = true;
      await Promise.all(down.map((server) => server.kill()));
      const goesOn = await this.#pause();
      for (const server of down) server.isHeld = false;
      await Promise.all(down.map((server) => server.restart()));
      tell("all NATS servers are back");
      if (!goesOn) return;
    }
    if (servers.length < 2 || !await this.#pause()) return;
    const lost = servers.at(-1)!;
    tell(`server ${lost.index} is lost for good`);
    lost.isLost = true;
    await lost.kill();
  }

  /** Waits. Returns `false` if the run ends meanwhile. */
  async #pause(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(true), this.#options.everyMs);
    const ended = this.#end.promise.then(() => false);
    const goesOn = await Promise.race([promise, ended]);
    clearTimeout(timer);
    return goesOn;
  }
}
