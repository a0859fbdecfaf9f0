/**
 * Simulates a network with a latency on every link, with the shipped code under a virtual clock. Measures
 * how soon servers find the fastest routes after a change, and how many bytes of link state that costs.
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

/** A change of a network during a run. */
export type Change =
  /** All servers start at once. */
  | "start"
  /** The servers measure their links for a while. */
  | "measured"
  /** A link breaks, and both its servers learn of it. */
  | "broken"
  /** The broken link comes back. */
  | "back"
  /** A link silently stops carrying bytes. */
  | "silent"
  /** The silent link carries bytes again. */
  | "heard"
  /** A link becomes ten times faster. */
  | "faster"
  /** The faster link becomes as slow as before. */
  | "slower";

/** The effect of one change. */
export interface ChangeResult {
  /** The change. */
  readonly change: Change;
  /** How long after the change the last route changed: milliseconds of virtual time. */
  readonly ms: number;
  /** How many frames of link state the change caused, on all links together. */
  readonly frames: number;
  /** The size of these frames: bytes. */
  readonly bytes: number;
  /** The latency of the worst route divided by that of the best possible one: 1 if all are the best. */
  readonly worst: number;
}

/** The result of a run. */
export interface RoutesResult {
  /** The network. */
  readonly plan: RoutesPlan;
  /** The effects of the changes, in order. */
  readonly changes: readonly ChangeResult[];
  /** What the checker found about the messages that users sent meanwhile. */
  readonly findings: Findings;
  /** The requirements that were not met, one sentence each. Empty if all is well. */
  readonly problems: readonly string[];
  /** A hash of all frames and events of the run. The same plan gives the same hash. */
  readonly digest: string;
}

/** How many times as long as the best possible route a route may take. */
export const MAX_STRETCH = 1.05;
/** How soon all routes must be found after a change that a server is told of: milliseconds. */
const CONVERGED_MS = 2_000;
/** How soon all routes must be found after the start, as servers link and measure first: milliseconds. */
const START_MS = 6_000;
/** How long servers take to measure a new link well, and to announce it: milliseconds. */
const SETTLE_MS = 12_000;
/** How soon no messages may be sent over a silent link: milliseconds. */
const SILENT_MS = 1_000;
/** A higher latency of a link counts once it has lasted for ten measurements: milliseconds. */
const RISE_MS = 10_000;

/** The latency of a link varies by this share of itself. */
const JITTER = 0.1;
/** The share of packets that are late, and by how much: milliseconds. */
const LATE = 0.01;
const LATE_MS = 100;
/** When no route has changed for this long, the servers have found all routes: milliseconds. */
const QUIET_MS = 1_500;
/** The interval at which the routes are compared: milliseconds. */
const STEP_MS = 25;
/** The number of users who send messages. */
const USERS = 6;
/** The time between two messages of a user: milliseconds. */
const WRITE_EVERY_MS = 100;

/**
 * Simulates a network through all its changes. The same plan gives the same run, byte for byte.
 *
 * @param trace Called with a line for each frame that arrives.
 */
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
  /** The servers whose announcements are counted. `undefined` for all. */
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
    // After five measurements, servers announce a cost again after ten.
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
        `messages: ${lost.length} lost, ${duplicated.length} duplicated, ${outOfOrder.length} out of order`,
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
    // Servers dial each other again after a while. That time is not part of the measurement.
    this.#network.until(() => !!one.linkTo(other) && !!other.linkTo(one), 60_000);
    this.#measure("back", CONVERGED_MS, () => {});
    this.#network.run(SETTLE_MS);
  }

  /** Silences a link, and lets it be heard again before its servers close it. */
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

  /** Makes a change, waits until the servers have found their routes, and checks the routes. */
  #measure(
    change: Change,
    withinMs: number,
    make: () => void,
    plan: RoutesPlan = this.#plan,
  ): void {
    const start = this.#network.now;
    // Do not count earlier changes.
    this.#routesChanged();
    this.#frames = this.#bytes = 0;
    make();
    let last = start;
    let [frames, bytes] = [0, 0];
    // Servers close a silent link after 3 s, and announce their links again from time to time. Routes that
    // change because of that do not count.
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
    if (ms > withinMs) this.#problems.push(`${change}: routes were found after ${ms} ms`);
    if (worst > MAX_STRETCH && change !== "start") {
      this.#problems.push(`${change}: a route takes ${worst.toFixed(3)} times as long as the best`);
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

  /** Follows each route hop by hop, as messages do. Returns the highest ratio to the best route. */
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
