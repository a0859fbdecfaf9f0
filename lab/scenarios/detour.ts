/**
 * A scenario: three servers, and a detour that is faster than the direct link. A and C are 80 ms apart,
 * and B is 10 ms from both. Alice at A writes to Carol at C while B is killed and started again.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import { checkHistory, type Findings } from "../checker/checker.ts";
import type { HistoryEvent } from "../checker/history.ts";
import { Cluster } from "../cluster/cluster.ts";
import { DEADLINE_MS, withDeadline } from "../cluster/deadline.ts";
import type { LoggedEvent } from "../cluster/server_start.ts";
import { latencyOf } from "../statistics.ts";

/** The latency of the direct link between A and C, one way: milliseconds. */
export const DIRECT_MS = 80;
/** The latency of each of the two links of the detour, one way: milliseconds. */
export const LEG_MS = 10;
/** How many messages one measurement takes. */
const MESSAGES = 20;
/** The time between two messages of a measurement: milliseconds. */
const EVERY_MS = 25;
/** The names of the servers, by number. */
const NAMES = ["A", "B", "C"];

/** What {@linkcode runDetour} measured. Each latency is the median of several messages. */
export interface DetourResult {
  /** The latency of messages over the detour: milliseconds. */
  readonly detourMs: number;
  /** The latency of messages over the direct link, while B was down: milliseconds. */
  readonly directMs: number;
  /** The latency of messages after B was back: milliseconds. */
  readonly restoredMs: number;
  /** The time from the kill until A logged that messages take the direct link: milliseconds. */
  readonly rerouteMs: number;
  /** What the checker found about all messages. */
  readonly findings: Findings;
}

/**
 * Runs the scenario. It takes about ten seconds.
 *
 * @param tell Called with a description of each step.
 * @throws {Error} When the servers do not find the routes in time.
 */
export async function runDetour(tell: (line: string) => void): Promise<DetourResult> {
  const routes = new RouteEvents(tell);
  await using cluster = await Cluster.start({
    servers: 3,
    system: "rtt",
    processes: true,
    proxies: true,
    faults: (from, to) => ({ latencyMs: Math.abs(from - to) === 2 ? DIRECT_MS : LEG_MS }),
    onEvent: (server, event) => server === 0 && routes.add(event),
  });
  const [a, b, c] = cluster.servers;
  NAMES.forEach((name, index) => routes.names.set(cluster.servers[index]!.advertised, name));
  tell(`A, B and C run: ${DIRECT_MS} ms from A to C, ${LEG_MS} ms from A to B and from B to C`);
  const isDetour = (event: LoggedEvent) =>
    event.address === c!.advertised && event.over === b!.advertised;
  const isDirect = (event: LoggedEvent) => event.address === c!.advertised && !event.over;
  await cluster.linked();
  await using pair = await Pair.connect(a!.address, c!.address);
  // If A finds the detour before its own link to C is up, it logs no change: so measure until it is found.
  await pair.measureBelow(DIRECT_MS);
  const detourMs = await pair.measureBelow(DIRECT_MS);
  tell(`A message from A to C takes ${detourMs.toFixed(0)} ms`);

  tell("B is killed (kill -9)");
  let from = routes.count;
  const killedAt = performance.now();
  const writing = pair.measure();
  await b!.kill();
  await routes.until(isDirect, from);
  const rerouteMs = performance.now() - killedAt;
  await writing;
  const directMs = await pair.measure();
  tell(`A message from A to C takes ${directMs.toFixed(0)} ms`);

  tell("B is started again");
  from = routes.count;
  await b!.restart();
  await routes.until(isDetour, from);
  const restoredMs = await pair.measureBelow(DIRECT_MS);
  tell(`A message from A to C takes ${restoredMs.toFixed(0)} ms`);
  return { detourMs, directMs, restoredMs, rerouteMs, findings: checkHistory(pair.history) };
}

/** The changes of routes that server A logged. */
class RouteEvents {
  /** The names of the servers, by address. */
  readonly names = new Map<string, string>();
  readonly #tell: (line: string) => void;
  readonly #events: LoggedEvent[] = [];
  #look = () => {};

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  get count(): number {
    return this.#events.length;
  }

  add(event: LoggedEvent): void {
    if (event.event !== "route.changed") return;
    this.#events.push(event);
    this.#tell(`log of A: ${this.#named(event.message ?? "")}`);
    this.#look();
  }

  /** Waits for an event that matches, and skips the first `from` events. */
  async until(matches: (event: LoggedEvent) => boolean, from: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#look = () => this.#events.slice(from).some(matches) && resolve();
    this.#look();
    await withDeadline(
      promise,
      DEADLINE_MS,
      () => new Error(`Cannot go on: A did not find the route within ${DEADLINE_MS} ms`),
    );
  }

  #named(line: string): string {
    return [...this.names].reduce((text, [address, name]) => text.replaceAll(address, name), line);
  }
}

/** Alice, who writes to Carol. */
class Pair implements AsyncDisposable {
  readonly history: HistoryEvent[] = [];
  readonly #alice: P2pClient;
  readonly #carol: P2pClient;
  readonly #reading: Promise<void>;
  readonly #seenAt = new Map<string, number>();
  #sequence = 0;

  private constructor(alice: P2pClient, carol: P2pClient) {
    this.#alice = alice;
    this.#carol = carol;
    this.#reading = this.#read();
  }

  static async connect(serverOfAlice: string, serverOfCarol: string): Promise<Pair> {
    const alice = await P2pClient.connect({ name: "Alice", servers: [serverOfAlice] });
    const carol = await P2pClient.connect({ name: "Carol", servers: [serverOfCarol] });
    return new Pair(alice, carol);
  }

  /** Sends messages, and returns their median latency: milliseconds. */
  async measure(): Promise<number> {
    const times: Promise<number>[] = [];
    for (let i = 0; i < MESSAGES; i++) {
      times.push(this.#send());
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    return latencyOf(await Promise.all(times))!.p50;
  }

  /**
   * Measures until the median latency is below a limit, and returns it: milliseconds. Messages are slower
   * on a busy machine, and while the servers have not found the routes yet.
   */
  async measureBelow(limitMs: number): Promise<number> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const ms = await this.measure();
      if (ms < limitMs) return ms;
      if (performance.now() < deadline) continue;
      throw new Error(`Cannot go on: after ${DEADLINE_MS} ms, messages still take ${ms} ms`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#alice.close();
    await this.#carol.close();
    await this.#reading;
  }

  async #send(): Promise<number> {
    const sequence = ++this.#sequence;
    const id = String(sequence);
    const start = performance.now();
    this.history.push(
      { kind: "sent", at: start, id, sender: "Alice", recipient: "Carol", sequence },
    );
    const { delivered } = await this.#alice.send("Carol", id);
    this.history.push({ kind: "accepted", at: performance.now(), id });
    await delivered;
    return this.#seenAt.get(id)! - start;
  }

  async #read(): Promise<void> {
    for await (const { sender, text: id } of this.#carol) {
      const at = performance.now();
      this.#seenAt.set(id, at);
      this.history.push({ kind: "seen", at, id, sender, recipient: "Carol" });
    }
  }
}
