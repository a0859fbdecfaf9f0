/**
 * Runs a plan with the shipped code of servers and client sessions under a virtual clock, records the
 * history, and lets the checker judge it.
 *
 * @module
 */
import { FrameType } from "@netlab/protocol";
import { checkHistory, type Findings } from "../checker/checker.ts";
import type { HistoryEvent } from "../checker/history.ts";
import { pick, seeded } from "../random.ts";
import { findDisagreements } from "./agreement.ts";
import { Digest } from "./digest.ts";
import type { MailboxLimits } from "@netlab/p2p/core";
import { DRAIN_MS, Finale } from "./finale.ts";
import { addressOf, servers } from "./world/networks.ts";
import { type Action, PEACE_MS, type Plan } from "./plan.ts";
import { Guest } from "./world/guest.ts";
import { disconnectRules, SessionClient } from "./world/session_client.ts";
import { LATE_SYNC_MS, VirtualDisk } from "./world/virtual_disk.ts";
import { VirtualNetwork } from "./world/virtual_network.ts";
import type { VirtualNode } from "./world/virtual_node.ts";

/** How to run a plan. */
export interface SimulateOptions {
  /**
   * The indexes of the actions that happen. The others do not.
   *
   * @default {all}
   */
  only?: ReadonlySet<number>;
  /**
   * Whether disks report messages as stored before they are. Accepted messages can then be lost, which
   * tests that the checker notices.
   *
   * @default {false}
   */
  brokenDisks?: boolean;
  /**
   * How much the servers store. With small totals, they pass messages on without storing them.
   *
   * @default {the defaults of the routing core}
   */
  limits?: MailboxLimits;
  /** Called with a line for each frame that arrives and each event of the run. */
  trace?: (line: string) => void;
}

/** The result of a run. */
export interface SimulationResult {
  /** What the checker found. */
  readonly findings: Findings;
  /** What else is wrong at the end: on what the parties do not agree, and what should not happen. */
  readonly disagreements: readonly string[];
  /** A hash of all frames and events of the run. The same plan gives the same hash. */
  readonly digest: string;
  /** How long the run was: milliseconds of virtual time. */
  readonly ms: number;
  /** 0 if all guarantees were kept, 1 if one was broken, 2 if the run cannot tell. */
  readonly exitCode: 0 | 1 | 2;
}

/** How long servers have to link, and users to register, before the actions start: milliseconds. */
const START_MS = 8_000;
/** When servers have found their first routes: milliseconds. */
const LINKED_MS = 3_000;
/** How long servers may take to agree after the actions: milliseconds. */
const SETTLE_MS = 120_000;
/** How long a crash in the middle of a write waits for a write: milliseconds. */
const TEAR_MS = 2_000;
/** How many links a message may cross. */
const MAX_HOPS = 32;
/** When a lost packet is sent again: milliseconds. */
const RETRANSMIT_MS = 200;

/** An event without its time. */
type Undated<Event> = Event extends HistoryEvent ? Omit<Event, "at"> : never;

/** Runs a plan to its end. The same plan and options give the same run, byte for byte. */
export function simulate(plan: Plan, options: SimulateOptions = {}): SimulationResult {
  return new Run(plan, options).toEnd();
}

class Run {
  readonly #plan: Plan;
  readonly #options: SimulateOptions;
  readonly #network: VirtualNetwork;
  readonly #nodes: VirtualNode[];
  readonly #disks: VirtualDisk[] = [];
  /** The ids of messages that a disk damaged. */
  readonly #damaged = new Set<string>();
  /** What should not have happened. */
  readonly #faults = new Set<string>();
  /** Whether no packet is lost. */
  #isCalm = false;
  readonly #users: SessionClient[] = [];
  readonly #guests: Guest[] = [];
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
      if (frame.type === FrameType.Message) {
        if (frame.reserved > MAX_HOPS) {
          this.#faults.add(`a message crossed ${frame.reserved} links`);
        }
      }
      return false;
    });
    const linkedAt = this.#network.now + LINKED_MS;
    this.#peaceUntil = this.#network.now + START_MS + PEACE_MS;
    this.#nodes = servers(this.#network, plan.servers, plan.links, (index) => ({
      clockAheadMs: plan.clocksAheadMs[index]!,
      rules: disconnectRules,
      ...options.limits && { limits: options.limits },
      store: this.#newDisk(),
      storeDelayMs: () => this.#network.random() < 0.5 ? 0 : this.#network.random(),
      // With many losses, a link may appear silent although no action concerns it.
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
      const onEvent = (event: HistoryEvent) => this.#event(event);
      const client = new SessionClient(network, `User ${user}`, addresses, onEvent);
      this.#users.push(client.moveTo(server));
    }
    for (let guest = 0; guest < plan.guests; guest++) {
      const client = new Guest(network, `Guest ${guest}`, addresses);
      this.#guests.push(client);
      client.restart(pick(random, addresses));
    }
    network.run(START_MS);
    const storm = network.now;
    for (const [index, action] of plan.actions.entries()) {
      if (this.#options.only && !this.#options.only.has(index)) continue;
      network.after(storm + action.at - network.now, () => this.#act(action));
    }
    network.run(plan.stormMs + 10_000);
    this.#heal();
    this.#settle();
    // A run that is broken already needs no finale.
    if (!this.#isBroken()) {
      this.#isCalm = true;
      for (const guest of this.#guests) guest.restart(pick(random, addresses));
      const finale = this.#finale();
      finale.sayLastWords();
      // In a quiet network, names of guests are free again by now.
      for (const disagreement of this.#disagreements()) this.#faults.add(disagreement);
      finale.tryOne();
      this.#settle();
    }
    const findings = checkHistory(this.#history);
    const disagreements = [...this.#faults, ...this.#disagreements()];
    const broken = findings.exitCode === 1 || disagreements.length > 0;
    return {
      findings,
      disagreements,
      digest: String(this.#digest),
      ms: network.now - start,
      exitCode: broken ? 1 : findings.exitCode,
    };
  }

  #isBroken(): boolean {
    return checkHistory(this.#history).exitCode === 1 || this.#disagreements().length > 0;
  }

  /** Waits until all users are connected and all parties agree, up to a limit. */
  #settle(): void {
    const network = this.#network;
    const deadline = network.now + SETTLE_MS;
    const isSettled = () =>
      this.#users.every((user) => user.attached) && this.#disagreements().length === 0;
    while (network.now < deadline && !isSettled()) network.run(1_000);
  }

  #finale(): Finale {
    return new Finale({
      plan: this.#plan,
      network: this.#network,
      nodes: this.#nodes,
      disks: this.#disks,
      users: this.#users,
      history: this.#history,
      send: (from, to) => this.#send(from, to),
      post: (from, to, count) => this.#post(from, to, count),
      drain: (server, forMs) => this.#drain(server, forMs),
      joinAll: () => this.#joinAll(),
      fault: (what) => this.#faults.add(what),
    });
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
      case "power":
        return this.#guests[action.guest]!.restart(addressOf(action.server));
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
        return this.#crash(action.server, action.forMs);
      case "tear": {
        const { server, forMs } = action;
        const disk = this.#disks[server]!;
        if (this.#down.has(server) || disk.tears) return;
        disk.tearNextWrite(seeded(this.#plan.seed, 6, server), () => this.#crash(server, forMs));
        return network.after(TEAR_MS, () => {
          if (disk.tears) this.#crash(server, forMs);
        });
      }
      case "damage": {
        const random = seeded(this.#plan.seed, 7, action.server);
        return this.#disks[action.server]!.damage(random, action.places);
      }
      case "drain":
        return this.#drain(action.server, action.forMs);
    }
  }

  #crash(server: number, forMs: number): void {
    if (this.#down.has(server)) return;
    this.#down.add(server);
    this.#changed();
    this.#nodes[server]!.crash();
    this.#network.after(forMs, () => this.#restart(server));
  }

  /** Lets a server leave as `P2pServer.drain` does. */
  #drain(server: number, forMs: number): void {
    if (this.#down.has(server)) return;
    const network = this.#network;
    const node = this.#nodes[server]!;
    const { core } = node;
    this.#changed();
    core.drain();
    const deadline = network.now + DRAIN_MS;
    const look = () => {
      // It may crash meanwhile.
      if (!node.isRunning || node.core !== core) return;
      if (!core.isDrained && network.now < deadline) return network.after(10, look);
      this.#down.add(server);
      this.#changed();
      node.close();
      network.after(forMs, () => this.#restart(server));
    };
    look();
  }

  #send(from: number, to: number): void {
    const sequence = this.#number(`${from} sends ${to}`);
    const user = this.#users[from]!;
    user.send(this.#users[to]!.name, String(sequence), sequence);
    const server = this.#nodes.find(({ address }) => address === user.attached?.peer.party);
    // Earlier messages may be on their way to its successor. This one goes straight to the recipient.
    if (server?.core.users.closed) this.#event({ kind: "disconnected", user: user.name });
  }

  #post(from: number, to: number, count: number): void {
    const pair = `${from} posts ${to}`;
    for (let i = 0; i < count; i++) {
      const sequence = this.#number(pair);
      void this.#users[from]!.post(this.#users[to]!.name, `${pair} ${sequence}`, sequence);
    }
  }

  /** Returns the next sequence number for a pair of users. */
  #number(pair: string): number {
    const sequence = (this.#sequences.get(pair) ?? 0) + 1;
    this.#sequences.set(pair, sequence);
    return sequence;
  }

  /** Records that a server, link or route changed. */
  #changed(): void {
    this.#event({ kind: "changed" });
  }

  #event(what: Undated<HistoryEvent>): void {
    const event = { ...what, at: this.#network.now } as HistoryEvent;
    this.#history.push(event);
    this.#record(JSON.stringify(event));
  }

  /** Separates or silences two groups of servers for a while. */
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

  #joinAll(): void {
    for (const [a, b] of this.#plan.links) this.#network.join(addressOf(a), addressOf(b));
  }

  #heal(): void {
    this.#joinAll();
    for (const server of [...this.#down]) this.#restart(server);
    for (const user of this.#users) user.comeBack();
  }

  #disagreements(): string[] {
    return findDisagreements({
      nodes: this.#nodes,
      disks: this.#disks,
      links: this.#plan.links,
      users: this.#users,
      guests: this.#guests,
      damaged: this.#damaged,
    });
  }

  /** Gives each pair of parties its own latency. Lost packets are late. In peace, none is lost. */
  #latencies(): (from: string, to: string) => number {
    const random = seeded(this.#plan.seed, 2);
    const base = new Map<string, number>();
    return (from, to) => {
      const pair = from < to ? `${from} ${to}` : `${to} ${from}`;
      let ms = base.get(pair);
      if (ms === undefined) base.set(pair, ms = 0.1 + random() * 2 * this.#plan.latencyMs);
      const isPeace = this.#isCalm || this.#network.now < this.#peaceUntil;
      let tries = 0;
      while (!isPeace && random() < this.#plan.loss && tries < 5) tries++;
      return ms * (1 + random() / 4) + tries * RETRANSMIT_MS;
    };
  }

  #newDisk(): VirtualDisk {
    const disk = this.#options.brokenDisks
      ? new VirtualDisk((sync) => this.#network.after(LATE_SYNC_MS, sync))
      : new VirtualDisk();
    disk.onDamage = (id) => {
      this.#damaged.add(id);
      this.#event({ kind: "damaged", id });
    };
    this.#disks.push(disk);
    return disk;
  }

  #record(line: string): void {
    this.#options.trace?.(line);
    this.#digest.add(line);
  }
}
