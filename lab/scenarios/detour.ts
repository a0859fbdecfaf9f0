/**
 * Three servers as processes, with 80 ms between the first and the third and 10 ms on the way round by
 * the second, and two users who write over them while the second one is killed and comes back. Owns
 * that story and what is measured in it; knows nothing of how it is shown.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import { checkHistory, type Findings } from "../checker/checker.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { HistoryEvent } from "../checker/history.ts";
import { DEADLINE_MS, withDeadline } from "../cluster/deadline.ts";
import type { ServerEvent } from "../cluster/server_start.ts";

/** How long the link between the first and the third takes, one way: milliseconds. */
export const DIRECT_MS = 80;
/** How long each of the two others takes: milliseconds. */
export const LEG_MS = 10;
/** Messages that are measured at a time, and the time between two: milliseconds. */
const MESSAGES = 20;
const EVERY_MS = 25;
/** The servers' names, by their numbers. */
const NAMES = ["A", "B", "C"];

/** What happened. */
export interface DetourResult {
  /** How long messages took while all three ran: milliseconds, the median. */
  readonly detourMs: number;
  /** While the second server was down. */
  readonly directMs: number;
  /** When it was back. */
  readonly restoredMs: number;
  /** How long it took from the kill until the first server said that messages go straight. */
  readonly rerouteMs: number;
  /** What became of all messages. */
  readonly findings: Findings;
}

/**
 * Plays it.
 *
 * @param tell Hears what happens, a line each.
 * @throws {Error} When the servers do not find the ways in time.
 */
export async function runDetour(tell: (line: string) => void): Promise<DetourResult> {
  const said = new Said(tell);
  await using cluster = await Cluster.start({
    servers: 3,
    system: "rtt",
    processes: true,
    proxies: true,
    faults: (from, to) => ({ latencyMs: Math.abs(from - to) === 2 ? DIRECT_MS : LEG_MS }),
    onEvent: (server, event) => server === 0 && said.add(event),
  });
  const [a, b, c] = cluster.servers;
  NAMES.forEach((name, index) => said.names.set(cluster.servers[index]!.advertised, name));
  tell(`A, B and C run: ${DIRECT_MS} ms from A to C, ${LEG_MS} ms from A to B and from B to C`);
  const round = (event: ServerEvent) =>
    event.address === c!.advertised && event.over === b!.advertised;
  const straight = (event: ServerEvent) => event.address === c!.advertised && !event.over;
  await cluster.linked();
  await using pair = await Pair.connect(a!.address, c!.address);
  // A server that finds the way round before its own link is up has no change to tell of.
  await pair.measureBelow(DIRECT_MS);
  const detourMs = await pair.measureBelow(DIRECT_MS);
  tell(`A message from A to C takes ${detourMs.toFixed(0)} ms`);

  tell("B is killed (kill -9)");
  let from = said.count;
  const killedAt = performance.now();
  const writing = pair.measure();
  await b!.kill();
  await said.until(straight, from);
  const rerouteMs = performance.now() - killedAt;
  await writing;
  const directMs = await pair.measure();
  tell(`A message from A to C takes ${directMs.toFixed(0)} ms`);

  tell("B is started again");
  from = said.count;
  await b!.restart();
  await said.until(round, from);
  const restoredMs = await pair.measureBelow(DIRECT_MS);
  tell(`A message from A to C takes ${restoredMs.toFixed(0)} ms`);
  return { detourMs, directMs, restoredMs, rerouteMs, findings: checkHistory(pair.history) };
}

/** What the first server said about ways. */
class Said {
  /** The names of servers, by address. */
  readonly names = new Map<string, string>();
  readonly #tell: (line: string) => void;
  readonly #events: ServerEvent[] = [];
  #look = () => {};

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  get count(): number {
    return this.#events.length;
  }

  add(event: ServerEvent): void {
    if (event.event !== "route.changed") return;
    this.#events.push(event);
    this.#tell(`A says: ${this.#named(event.message ?? "")}`);
    this.#look();
  }

  /** Waits until it says something that is wanted, behind the first `from` that it said. */
  async until(wanted: (event: ServerEvent) => boolean, from: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#look = () => this.#events.slice(from).some(wanted) && resolve();
    const timer = setTimeout(
      () => reject(new Error(`Cannot go on: within ${DEADLINE_MS} ms A found no such way`)),
      DEADLINE_MS,
    );
    this.#look();
    await promise.finally(() => clearTimeout(timer));
  }

  #named(line: string): string {
    return [...this.names].reduce((text, [address, name]) => text.replaceAll(address, name), line);
  }
}

/** Alice, who writes, and Carol, who reads. */
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

  static async connect(one: string, other: string): Promise<Pair> {
    const alice = await P2pClient.connect({ name: "Alice", servers: [one] });
    const carol = await P2pClient.connect({ name: "Carol", servers: [other] });
    return new Pair(alice, carol);
  }

  /** Writes messages, and returns how long they took: milliseconds, the median. */
  async measure(): Promise<number> {
    const times: Promise<number>[] = [];
    for (let i = 0; i < MESSAGES; i++) {
      times.push(this.#send());
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    const sorted = (await Promise.all(times)).sort((x, y) => x - y);
    return sorted[Math.floor(sorted.length / 2)]!;
  }

  /**
   * The same, as often as it takes until they are faster than that: on a busy machine, or while the ways
   * are not known yet, they are slower.
   */
  async measureBelow(limitMs: number): Promise<number> {
    const late = performance.now() + DEADLINE_MS;
    for (;;) {
      const ms = await this.measure();
      if (ms < limitMs) return ms;
      if (performance.now() < late) continue;
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
