/**
 * Runs a network with time on every link: do servers find the fastest ways, how soon after a change, and
 * what does it cost to tell all of it. Owns the changes and the measuring, over the shipped code under a
 * virtual clock.
 *
 * @module
 */
import { FrameType, HEADER_BYTES, LinkStateKind, readUuid } from "@netlab/protocol";
import { EchoRule } from "@netlab/rtt";
import type { Route } from "@netlab/p2p/core";
import { checkHistory, type Findings } from "../../checker/checker.ts";
import type { HistoryEvent } from "../../checker/history.ts";
import { type Random, seeded } from "../../random.ts";
import { Digest } from "../digest.ts";
import { addressOf, servers } from "../world/networks.ts";
import { disconnectRules, SessionClient } from "../world/session_client.ts";
import { VirtualNetwork } from "../world/virtual_network.ts";
import type { VirtualNode } from "../world/virtual_node.ts";
import { fastest, pickSpare, type RoutesPlan, type TimedLink } from "./routes_plan.ts";

/** What a network went through. */
export type Change =
  /** All servers started at once. */
  | "start"
  /** They measured their links for a while. */
  | "measured"
  /** A link broke, and both ends were told. */
  | "broken"
  /** It came back. */
  | "back"
  /** A link fell silent, and nobody was told. */
  | "silent"
  /** It was heard again. */
  | "heard"
  /** A link became ten times faster. */
  | "faster"
  /** It became as slow as it was. */
  | "slower";

/** What came of one change. */
export interface ChangeResult {
  /** What it was. */
  readonly change: Change;
  /** How long after it the last server found its last way: milliseconds of virtual time. */
  readonly ms: number;
  /** How many frames of link state went over links because of it. */
  readonly frames: number;
  /** How many bytes these were. */
  readonly bytes: number;
  /** By how much the worst way is longer than the best there is: 1 when it is the best. */
  readonly worst: number;
}

/** What came of a run. */
export interface RoutesResult {
  /** The network. */
  readonly plan: RoutesPlan;
  /** One change after the other. */
  readonly changes: readonly ChangeResult[];
  /** What became of the messages that users wrote meanwhile. */
  readonly findings: Findings;
  /** What was not as it is to be, as sentences; nothing, if all is well. */
  readonly problems: readonly string[];
  /** A number of everything that happened: the same plan gives the same. */
  readonly digest: string;
}

/** The ways that servers found may be longer than the best by this factor. */
export const MAX_STRETCH = 1.05;
/** How soon all ways are found after a change of which somebody is told: milliseconds. */
const CONVERGED_MS = 2_000;
/** How soon after all servers started at once: they link and measure first. Milliseconds. */
const START_MS = 6_000;
/** How long it takes to measure a new link well, and to tell of it: milliseconds. */
const SETTLE_MS = 12_000;
/** How soon nobody sends messages over a link that fell silent: milliseconds. */
const SILENT_MS = 1_000;
/** A rise of the time on a link counts when it has lasted for ten measurements: milliseconds. */
const RISE_MS = 10_000;

/** The time on a link varies by this share of itself. */
const JITTER = 0.1;
/** A share of parcels is late by so much. */
const LATE = 0.01;
const LATE_MS = 100;
/** When no way has changed for so long, the servers have found all: milliseconds. */
const QUIET_MS = 1_500;
/** How often it is looked whether ways have changed: milliseconds. */
const STEP_MS = 25;
const USERS = 6;
/** Each user writes so often: milliseconds. */
const WRITE_EVERY_MS = 100;

/** Runs a network to the end. */
export function simulateRoutes(plan: RoutesPlan, trace?: (line: string) => void): RoutesResult {
  return new RoutesRun(plan, trace).toEnd();
}

class RoutesRun {
  readonly #plan: RoutesPlan;
  readonly #network: VirtualNetwork;
  readonly #nodes: VirtualNode[];
  readonly #random: Random;
  readonly #digest = new Digest();
  readonly #changes: ChangeResult[] = [];
  readonly #problems: string[] = [];
  readonly #history: HistoryEvent[] = [];
  readonly #links = new Map<string, TimedLink>();
  #seenRoutes: ReadonlyMap<string, Route>[];
  /** The servers of whose announcements the cost is counted; all when `undefined`. */
  #about: ReadonlySet<string> | undefined;
  #frames = 0;
  #bytes = 0;
  #writing = true;

  constructor(plan: RoutesPlan, trace?: (line: string) => void) {
    this.#plan = plan;
    this.#random = seeded(plan.seed, 4);
    const network = this.#network = new VirtualNetwork(plan.seed);
    for (const link of plan.links) {
      const [a, b] = [addressOf(link.a), addressOf(link.b)];
      this.#links.set(`${a} ${b}`, link).set(`${b} ${a}`, link);
    }
    network.latency = (from, to) => {
      const ms = this.#links.get(`${from} ${to}`)?.ms ?? 1;
      const late = network.random() < LATE ? LATE_MS : 0;
      return ms * (1 + JITTER * network.random()) + late;
    };
    network.watch(({ at, from, to, frame }) => {
      trace?.(`${at.toFixed(3)} ${from} > ${to} ${frame.type}/${frame.subtype}`);
      this.#digest.addFrame(at, from, to, frame);
      if (frame.type === FrameType.LinkState && frame.subtype === LinkStateKind.Links) {
        const about = readUuid(frame.bytes, frame.start);
        if (this.#about && !this.#about.has(about)) return false;
        this.#frames++;
        this.#bytes += HEADER_BYTES + frame.end - frame.start;
      }
      return false;
    });
    this.#nodes = servers(
      network,
      plan.servers,
      plan.links.map(({ a, b }) => [a, b] as const),
      () => {
        const echo = new EchoRule(() => network.now);
        return { rules: new Map([...disconnectRules, [FrameType.Echo, echo]]), costs: echo };
      },
    );
    this.#seenRoutes = this.#nodes.map(() => new Map());
  }

  toEnd(): RoutesResult {
    this.#measure("start", START_MS, () => {});
    // What five measurements said is told anew after ten.
    this.#network.run(SETTLE_MS);
    this.#measure("measured", SETTLE_MS, () => {});
    this.#startWriting();
    const spare = pickSpare(this.#plan, this.#random);
    if (spare) {
      this.#breakAndMend(spare);
      this.#silenceAndJoin(spare);
    }
    this.#hurryAndSlow();
    this.#writing = false;
    this.#network.run(12_000);
    const findings = checkHistory(this.#history);
    if (findings.exitCode !== 0) {
      const { lost, duplicated, outOfOrder } = findings;
      this.#problems.push(
        `messages: ${lost.length} lost, ${duplicated.length} doubled, ${outOfOrder.length} out of order`,
      );
    }
    return {
      plan: this.#plan,
      changes: this.#changes,
      findings,
      problems: this.#problems,
      digest: String(this.#digest),
    };
  }

  #countAbout({ a, b }: TimedLink): void {
    this.#about = new Set([this.#nodes[a]!.core.id, this.#nodes[b]!.core.id]);
  }

  #breakAndMend(link: TimedLink): void {
    this.#countAbout(link);
    const [a, b] = [addressOf(link.a), addressOf(link.b)];
    const without = this.#without(link);
    this.#measure("broken", CONVERGED_MS, () => this.#network.separate(a, b), without);
    this.#network.join(a, b);
    const [one, other] = [this.#nodes[link.a]!, this.#nodes[link.b]!];
    // They dial each other now and then: that is no part of finding ways.
    this.#network.until(() => !!one.linkTo(other) && !!other.linkTo(one), 60_000);
    this.#measure("back", CONVERGED_MS, () => {});
    this.#network.run(SETTLE_MS);
  }

  /** It is heard again before its ends have given it up. */
  #silenceAndJoin(link: TimedLink): void {
    const [a, b] = [addressOf(link.a), addressOf(link.b)];
    const at = this.#network.now;
    this.#measure("silent", SILENT_MS, () => this.#network.silence(a, b), this.#without(link));
    this.#network.run(Math.max(0, at + 2_000 - this.#network.now));
    this.#measure("heard", CONVERGED_MS, () => this.#network.join(a, b));
  }

  #hurryAndSlow(): void {
    const { links } = this.#plan;
    const link = links[Math.floor(this.#random() * links.length)]!;
    const { ms } = link;
    this.#countAbout(link);
    // The next measurement may be a second away.
    this.#measure("faster", 1_000 + CONVERGED_MS, () => link.ms = ms / 10);
    this.#measure("slower", RISE_MS + CONVERGED_MS, () => link.ms = ms);
  }

  /** Makes a change, lets the servers find their ways, and looks how good these are. */
  #measure(
    change: Change,
    withinMs: number,
    make: () => void,
    plan: RoutesPlan = this.#plan,
  ): void {
    const start = this.#network.now;
    // What changed before is not to count.
    this.#routesChanged();
    this.#frames = this.#bytes = 0;
    make();
    let last = start;
    let [frames, bytes] = [0, 0];
    // A silent link is given up after 3 s, and others say again what they said: what that changes is not
    // to be found here.
    const most = change === "silent" || change === "slower" ? withinMs + 1_000 : Infinity;
    const least = change === "slower" ? RISE_MS : 0;
    const quiet = () => {
      const ms = this.#network.now - start;
      return ms >= most || (ms >= least && this.#network.now - last >= QUIET_MS);
    };
    while (!quiet()) {
      this.#network.run(STEP_MS);
      if (!this.#routesChanged()) continue;
      last = this.#network.now;
      [frames, bytes] = [this.#frames, this.#bytes];
    }
    if (frames === 0) [frames, bytes] = [this.#frames, this.#bytes];
    const ms = last - start;
    const worst = this.#worst(plan);
    this.#changes.push({ change, ms, frames, bytes, worst });
    if (ms > withinMs) this.#problems.push(`${change}: ways were found after ${ms} ms`);
    if (worst > MAX_STRETCH && change !== "start") {
      this.#problems.push(`${change}: a way is ${worst.toFixed(3)} times as long as the best one`);
    }
  }

  #routesChanged(): boolean {
    let changed = false;
    for (const [index, { core }] of this.#nodes.entries()) {
      const seen = this.#seenRoutes[index]!;
      const routes = core.topology.routes();
      if (routes === seen) continue;
      this.#seenRoutes[index] = routes;
      changed ||= routes.size !== seen.size;
      for (const [server, route] of routes) changed ||= seen.get(server) !== route;
    }
    return changed;
  }

  /** The worst of all ways, each as messages go it: from server to server, as each of them decides. */
  #worst(plan: RoutesPlan): number {
    const indexes = new Map(this.#nodes.map(({ core }, index) => [core.id, index]));
    let worst = 1;
    for (const from of this.#nodes.keys()) {
      const best = fastest(plan, from);
      for (const [to, { core }] of this.#nodes.entries()) {
        if (to === from) continue;
        let ms = 0;
        let hops = 0;
        for (let at = from; at !== to && ms < Infinity;) {
          const route = this.#nodes[at]!.core.topology.route(core.id);
          const next = route && indexes.get(route.next);
          if (next === undefined || ++hops >= plan.servers) ms = Infinity;
          else {
            ms += this.#links.get(`${addressOf(at)} ${addressOf(next)}`)!.ms;
            at = next;
          }
        }
        worst = Math.max(worst, ms / best[to]!);
      }
    }
    return worst;
  }

  #without(link: TimedLink): RoutesPlan {
    return { ...this.#plan, links: this.#plan.links.filter((other) => other !== link) };
  }

  #startWriting(): void {
    const network = this.#network;
    const sequences = new Map<string, number>();
    const users = Array.from({ length: USERS }, (_, user) => {
      const server = this.#nodes[Math.floor(this.#random() * this.#plan.servers)]!;
      const client = new SessionClient(network, `User ${user}`, [], (event) => {
        this.#history.push(event);
        this.#digest.add(JSON.stringify(event));
      });
      return client.moveTo(server);
    });
    network.run(2_000);
    for (const [user, from] of users.entries()) {
      const write = () => {
        if (!this.#writing) return;
        const other = (user + 1 + Math.floor(network.random() * (USERS - 1))) % USERS;
        const pair = `${user} ${other}`;
        const sequence = (sequences.get(pair) ?? 0) + 1;
        sequences.set(pair, sequence);
        from.send(users[other]!.name, String(sequence), sequence);
        network.after(WRITE_EVERY_MS, write);
      };
      write();
    }
  }
}
