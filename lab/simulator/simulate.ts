/**
 * Runs a plan: the shipped routing core, mailbox and client logic under a virtual clock. Owns the run
 * and what is recorded of it; what was right or wrong in it is the checker's to say.
 *
 * @module
 */
import { checkHistory, type Findings } from "../checker/checker.ts";
import type { HistoryEvent } from "../checker/history.ts";
import { seeded } from "../random.ts";
import { Digest } from "./digest.ts";
import { addressOf, servers } from "./world/networks.ts";
import { type Action, PEACE_MS, type Plan } from "./plan.ts";
import { disconnectRules, SessionClient } from "./world/session_client.ts";
import { LATE_SYNC_MS, VirtualDisk } from "./world/virtual_disk.ts";
import { VirtualNetwork } from "./world/virtual_network.ts";
import type { VirtualNode } from "./world/virtual_node.ts";

/** How a plan is run. */
export interface SimulateOptions {
  /**
   * Only these actions of the plan happen, by their place in it.
   *
   * @default {all}
   */
  only?: ReadonlySet<number>;
  /**
   * Disks say that messages are safe a little before they are: accepted messages can be lost then. To see
   * that this is found out.
   *
   * @default {false}
   */
  brokenDisks?: boolean;
  /** Hears of everything that happens, a line each. */
  trace?: (line: string) => void;
}

/** What came of a run. */
export interface SimulationResult {
  /** What the checker found. */
  readonly findings: Findings;
  /** What servers did not agree on in the end, and users did not hear; nothing, if all is well. */
  readonly disagreements: readonly string[];
  /** A number of everything that happened: the same plan gives the same. */
  readonly digest: string;
  /** How long the run was: milliseconds of virtual time. */
  readonly ms: number;
  /** 0 when all promises were kept, 1 when one was broken, 2 when that cannot be told. */
  readonly exitCode: 0 | 1 | 2;
}

/** Time for servers to link and users to register before anything happens: milliseconds. */
const START_MS = 8_000;
/** By then servers have found their first ways: milliseconds. */
const LINKED_MS = 3_000;
/** Time after the storm in which everything must have come to its end: milliseconds. */
const SETTLE_MS = 120_000;
/** How long it is waited for what must not come any more: longer than what is sent again takes. */
const AFTERMATH_MS = 12_000;
/** A parcel that was lost is sent again after this long: milliseconds. */
const RETRANSMIT_MS = 200;

/** Runs a plan to its end. */
export function simulate(plan: Plan, options: SimulateOptions = {}): SimulationResult {
  return new Run(plan, options).toEnd();
}

class Run {
  readonly #plan: Plan;
  readonly #options: SimulateOptions;
  readonly #network: VirtualNetwork;
  readonly #nodes: VirtualNode[];
  readonly #users: SessionClient[] = [];
  readonly #history: HistoryEvent[] = [];
  readonly #sequences = new Map<string, number>();
  readonly #down = new Set<number>();
  readonly #digest = new Digest();
  readonly #peaceUntil: number;

  constructor(plan: Plan, options: SimulateOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#network = new VirtualNetwork(plan.seed);
    this.#network.latency = this.#latencies();
    this.#network.watch(({ at, from, to, frame }) => {
      options.trace?.(`${at.toFixed(3)} ${from} > ${to} ${frame.type}/${frame.subtype}`);
      this.#digest.addFrame(at, from, to, frame);
      return false;
    });
    const linkedAt = this.#network.now + LINKED_MS;
    this.#peaceUntil = this.#network.now + START_MS + PEACE_MS;
    this.#nodes = servers(this.#network, plan.servers, plan.links, () => ({
      rules: disconnectRules,
      store: this.#disk(),
      // Where much is lost on the way, a link may fall silent by itself.
      onEvent: (event) => {
        if (event === "route.changed" && this.#network.now > linkedAt) this.#changed();
      },
    }));
  }

  toEnd(): SimulationResult {
    const { plan, network } = { plan: this.#plan, network: this.#network };
    const start = network.now;
    const random = seeded(plan.seed, 1);
    const addresses = this.#nodes.map(({ address }) => address);
    for (let user = 0; user < plan.users; user++) {
      const server = this.#nodes[Math.floor(random() * plan.servers)]!;
      const client = new SessionClient(network, `User ${user}`, addresses, (event) => {
        this.#history.push(event);
        this.#record(JSON.stringify(event));
      });
      this.#users.push(client.moveTo(server));
    }
    network.run(START_MS);
    const storm = network.now;
    for (const [place, action] of plan.actions.entries()) {
      if (this.#options.only && !this.#options.only.has(place)) continue;
      network.after(storm + action.at - network.now, () => this.#act(action));
    }
    network.run(plan.stormMs + 10_000);
    this.#heal();
    const deadline = network.now + SETTLE_MS;
    while (network.now < deadline && !this.#isSettled()) network.run(1_000);
    network.run(AFTERMATH_MS);
    const findings = checkHistory(this.#history);
    const disagreements = this.#disagreements();
    const broken = findings.exitCode === 1 || disagreements.length > 0;
    return {
      findings,
      disagreements,
      digest: String(this.#digest),
      ms: network.now - start,
      exitCode: broken ? 1 : findings.exitCode,
    };
  }

  #isSettled(): boolean {
    return this.#users.every((user) => user.attached) && this.#disagreements().length === 0;
  }

  #act(action: Action): void {
    const network = this.#network;
    this.#record(`${network.now.toFixed(3)} ${JSON.stringify(action)}`);
    switch (action.kind) {
      case "send":
        return this.#send(action.from, action.to);
      case "post":
        return this.#post(action.from, action.to, action.count);
      case "move":
        if (!this.#down.has(action.server)) {
          this.#users[action.user]!.moveTo(this.#nodes[action.server]!);
        }
        return;
      case "leave": {
        const user = this.#users[action.user]!;
        user.leave();
        return network.after(action.forMs, () => user.comeBack());
      }
      case "cut":
        this.#changed();
        return network.cut(addressOf(action.a), addressOf(action.b));
      case "refuse":
        return this.#between([action.a], [action.b], action.forMs, "separate");
      case "partition": {
        const other = this.#nodes.map((_, node) => node).filter((node) =>
          !action.side.includes(node)
        );
        return this.#between(action.side, other, action.forMs, "silence");
      }
      case "crash":
        if (this.#down.has(action.server)) return;
        this.#down.add(action.server);
        this.#changed();
        this.#nodes[action.server]!.crash();
        return network.after(action.forMs, () => this.#restart(action.server));
    }
  }

  #send(from: number, to: number): void {
    const sequence = this.#number(`${from} sends ${to}`);
    this.#users[from]!.send(this.#users[to]!.name, String(sequence), sequence);
  }

  #post(from: number, to: number, count: number): void {
    const pair = `${from} posts ${to}`;
    for (let i = 0; i < count; i++) {
      const sequence = this.#number(pair);
      void this.#users[from]!.post(this.#users[to]!.name, `${pair} ${sequence}`, sequence);
    }
  }

  /** The next number for a pair of users. */
  #number(pair: string): number {
    const sequence = (this.#sequences.get(pair) ?? 0) + 1;
    this.#sequences.set(pair, sequence);
    return sequence;
  }

  /** Something about servers, links or ways has changed. */
  #changed(): void {
    const event = { kind: "changed", at: this.#network.now } as const;
    this.#history.push(event);
    this.#record(JSON.stringify(event));
  }

  /** Parts pairs of servers that can link for a while. */
  #between(
    some: readonly number[],
    others: readonly number[],
    forMs: number,
    how: "separate" | "silence",
  ): void {
    this.#changed();
    const pairs = this.#plan.links.filter(([a, b]) =>
      (some.includes(a) && others.includes(b)) || (some.includes(b) && others.includes(a))
    );
    for (const [a, b] of pairs) this.#network[how](addressOf(a), addressOf(b));
    this.#network.after(forMs, () => {
      for (const [a, b] of pairs) this.#network.join(addressOf(a), addressOf(b));
    });
  }

  #restart(server: number): void {
    if (!this.#down.delete(server)) return;
    this.#nodes[server]!.start();
  }

  #heal(): void {
    for (const [a, b] of this.#plan.links) this.#network.join(addressOf(a), addressOf(b));
    for (const server of [...this.#down]) this.#restart(server);
    for (const user of this.#users) user.comeBack();
  }

  #disagreements(): string[] {
    const expected = this.#users.map(({ name }) => name).sort();
    const found: string[] = [];
    for (const node of this.#nodes) {
      const users = node.users();
      const missing = expected.filter((name) => !users.includes(name));
      const extra = users.filter((name) => !expected.includes(name));
      if (missing.length > 0) found.push(`${node.address} does not know ${missing.join(", ")}`);
      if (extra.length > 0) found.push(`${node.address} believes in ${extra.join(", ")}`);
    }
    for (const { name, pending } of this.#users) {
      if (pending > 0) found.push(`${name} did not hear how ${pending} messages ended`);
    }
    return found;
  }

  /** Each pair of parties has its own latency; a lost parcel comes a retransmission later: none in peace. */
  #latencies(): (from: string, to: string) => number {
    const random = seeded(this.#plan.seed, 2);
    const base = new Map<string, number>();
    return (from, to) => {
      const pair = from < to ? `${from} ${to}` : `${to} ${from}`;
      let ms = base.get(pair);
      if (ms === undefined) base.set(pair, ms = 0.1 + random() * 2 * this.#plan.latencyMs);
      const isPeace = this.#network.now < this.#peaceUntil;
      let tries = 0;
      while (!isPeace && random() < this.#plan.loss && tries < 5) tries++;
      return ms * (1 + random() / 4) + tries * RETRANSMIT_MS;
    };
  }

  #disk(): VirtualDisk {
    if (!this.#options.brokenDisks) return new VirtualDisk();
    return new VirtualDisk((sync) => this.#network.after(LATE_SYNC_MS, sync));
  }

  #record(line: string): void {
    this.#options.trace?.(line);
    this.#digest.add(line);
  }
}
