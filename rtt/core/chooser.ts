/**
 * Which servers are asked in a round, what is known of each, and what follows: the table between
 * measuring and moving. Pure: it is told the time, the answers and which server is in use; asking and
 * moving are for those who drive it.
 *
 * @module
 */
import { Estimator, ROUNDS } from "./estimator.ts";
import type { Policy, ServerTimes } from "./policy.ts";

/** How many probes a server gets at first. */
export const FIRST_PROBES = 5;
/** How long from one round to the next: milliseconds. */
export const ROUND_MS = 10_000;
/** The time between rounds varies by this share, so that clients do not fall into step. */
const ROUND_JITTER = 0.2;
/**
 * A server that cannot win is asked in every third round: at 36 s at most, its connection has not been
 * closed for idleness, which servers do after 60 s.
 */
const SELDOM_ROUNDS = 3;
/** A server cannot win while it has been away for ten rounds, or its lowest time is above so many times the best, and so much more. */
const HOPELESS_FACTOR = 2;
const HOPELESS_MS = 10;

/**
 * So many servers are measured at most: more than anybody runs, and few enough to have a connection to each.
 * A server that names ever new ones cannot fill the memory or the network.
 */
export const MAX_SERVERS = 256;

/** How far back people can see: ten minutes. */
const HISTORY_ROUNDS = 60;

/** A server to ask, and with how many probes. */
export interface Ask {
  /** Its address. */
  readonly server: string;
  /** How many probes it gets, one after the other. */
  readonly probes: number;
}

/** What was decided in a round. */
export interface Decision {
  /**
   * `chose` the first one, `kept` the one in use, `moved` to a faster one, `left` one that failed, or
   * found `none` that answers.
   */
  readonly kind: "chose" | "kept" | "moved" | "left" | "none";
  /** The server to use from now on; `undefined` when none answers. */
  readonly server: string | undefined;
  /** The decision and its reason in one line: `kept 5002: it is the fastest, 0.41 ms`. */
  readonly line: string;
  /** The reason alone, as the end of a sentence. */
  readonly because: string;
  /** Whether others would have done as well, so that load or chance decided. */
  readonly tie: boolean;
}

/** What is known of one server. */
export interface ServerState {
  /** Its address, `host:port`. */
  readonly server: string;
  /** What it is called in decisions. */
  readonly name: string;
  /** Its times. */
  readonly times: Estimator;
  /** How many users it serves; `undefined` when it does not say. */
  readonly load: number | undefined;
  /**
   * What it took in the last round, in milliseconds; `null` when it did not answer, `undefined` when it
   * was not asked.
   */
  readonly nowMs: number | null | undefined;
  /** The same for the last 60 rounds, the newest last. */
  readonly history: readonly (number | null | undefined)[];
  /** Why it cannot be used, as the end of a sentence; `undefined` when it can. */
  readonly trouble: string | undefined;
}

interface Entry extends Omit<ServerState, "name"> {
  /** Without the round that is on. */
  readonly history: (number | null | undefined)[];
  nowMs: number | null | undefined;
  load: number | undefined;
  trouble: string | undefined;
  /** How many rounds ago it was asked. */
  rounds: number;
  /** In how many of the rounds in which it was asked, one after the other, it could not be used. */
  failures: number;
}

/** The table of servers, and the decisions about them. */
export class Chooser {
  readonly #policy: Policy;
  readonly #entries = new Map<string, Entry>();
  #names: ReadonlyMap<string, string> = new Map();
  #used: string | undefined;
  /** The server that failed, until another one is used. */
  #lost: { server: string; why: string } | undefined;

  /** Knows no server yet. */
  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** All servers, in the order in which they became known. */
  get servers(): readonly ServerState[] {
    return [...this.#entries.values()].map(({ rounds: _, failures: __, history, ...state }) => ({
      ...state,
      name: this.#name(state.server),
      history: [...history, state.nowMs],
    }));
  }

  /** The one in use. */
  get used(): string | undefined {
    return this.#used;
  }

  /**
   * How long after a round the next one begins: milliseconds.
   *
   * @param chance A number from 0 to below 1.
   */
  static nextRoundMs(chance: number, roundMs: number = ROUND_MS): number {
    return roundMs * (1 + ROUND_JITTER * (2 * chance - 1));
  }

  /** Whom to ask in a round that begins. */
  begin(): Ask[] {
    if (this.#entries.size >= MAX_SERVERS) this.#forgetUnusable();
    const best = Math.min(...this.#usable().map(({ lowMs }) => lowMs));
    const asks: Ask[] = [];
    for (const entry of this.#entries.values()) {
      entry.history.push(entry.nowMs);
      if (entry.history.length >= HISTORY_ROUNDS) entry.history.shift();
      if (entry.rounds === 0) entry.failures = entry.trouble ? entry.failures + 1 : 0;
      entry.nowMs = undefined;
      entry.rounds++;
      if (entry.server !== this.#used && entry.rounds < SELDOM_ROUNDS && isHopeless(entry, best)) {
        continue;
      }
      entry.rounds = 0;
      const probes = entry.times.lowMs === undefined ? FIRST_PROBES : 1;
      asks.push({ server: entry.server, probes });
    }
    return asks;
  }

  /**
   * These servers are there. Returns those that were not known, to be asked in the round that is on. When
   * {@linkcode MAX_SERVERS} are known, others are not taken in until the next round, which forgets those
   * that cannot be used.
   */
  learn(servers: Iterable<string>): Ask[] {
    const added = [...new Set(servers)].filter((server) => !this.#entries.has(server))
      .slice(0, Math.max(0, MAX_SERVERS - this.#entries.size));
    for (const server of added) {
      this.#entries.set(server, {
        server,
        times: new Estimator(),
        load: undefined,
        nowMs: undefined,
        history: [],
        trouble: "not asked yet",
        rounds: 0,
        failures: 0,
      });
    }
    if (added.length > 0) this.#names = shortNames([...this.#entries.keys()]);
    return added.map((server) => ({ server, probes: FIRST_PROBES }));
  }

  /** A server answered: what its probes took in milliseconds, and how many users it has. */
  answered(server: string, times: readonly number[], load?: number): void {
    const entry = this.#entries.get(server)!;
    entry.times.add(times);
    entry.nowMs = entry.times.lastMs;
    entry.load = load;
    entry.trouble = undefined;
  }

  /**
   * A server did not answer a probe.
   *
   * @param alive Whether something else was heard from it meanwhile.
   * @returns Whether it has missed so many in a row that it is not to be used.
   */
  missed(server: string, alive: boolean): boolean {
    const entry = this.#entries.get(server)!;
    const { times } = entry;
    entry.nowMs = null;
    if (alive) times.late();
    else times.miss();
    if (times.degraded) this.failed(server, "no answer in time");
    return times.degraded;
  }

  /** A server cannot be reached, or has gone away; `why` is the end of a sentence. */
  failed(server: string, why: string): void {
    const entry = this.#entries.get(server);
    if (!entry) return;
    entry.times.clear();
    entry.nowMs = null;
    entry.trouble = why;
  }

  /** The client uses this server now. */
  use(server: string): void {
    this.#used = server;
    this.#lost = undefined;
  }

  /** The server in use has failed; `why` is the end of a sentence. */
  lose(why: string): void {
    if (this.#used === undefined) return;
    this.#lost = { server: this.#used, why };
    this.failed(this.#used, why);
    this.#used = undefined;
  }

  /** The round is over: what follows from what is known at `now`. */
  decide(now: number): Decision {
    const servers = this.#usable();
    const name = (server: string) => this.#name(server);
    if (this.#used !== undefined) {
      const { trouble } = this.#entries.get(this.#used) ?? {};
      // With nowhere to go, it is kept in spite of its trouble.
      if (trouble !== undefined && servers.length > 0) this.lose(trouble);
    }
    const used = servers.find(({ server }) => server === this.#used);
    if (servers.length === 0) {
      const server = this.#used;
      if (server === undefined) {
        const line = "no server answers";
        return { kind: "none", server, line, because: line, tie: false };
      }
      const because = "no other server answers either";
      const { trouble = "not measured" } = this.#entries.get(server) ?? {};
      const line = `kept ${name(server)} (${trouble}): ${because}`;
      return { kind: "kept", server, line, because, tie: false };
    }
    const { server, because, tie = false } = this.#policy.decide({ now, servers, used, name });
    const decided = (kind: Decision["kind"], what: string): Decision => ({
      kind,
      server,
      line: `${what}: ${because}`,
      because,
      tie,
    });
    const to = name(server);
    if (server === used?.server) return decided("kept", `kept ${to}`);
    if (used) return decided("moved", `moved from ${name(used.server)} to ${to}`);
    if (this.#lost) {
      const { server: lost, why } = this.#lost;
      return decided("left", `left ${name(lost)} (${why}) for ${to}`);
    }
    return decided("chose", `chose ${to}`);
  }

  #name(server: string): string {
    return this.#names.get(server) ?? server;
  }

  /** Makes room: servers that do not answer, and are still there, will be named again. */
  #forgetUnusable(): void {
    for (const { server, trouble } of this.#entries.values()) {
      if (trouble !== undefined && server !== this.#used) this.#entries.delete(server);
    }
    this.#names = shortNames([...this.#entries.keys()]);
  }

  #usable(): ServerTimes[] {
    return [...this.#entries.values()].flatMap(({ server, times, nowMs, load, trouble }) => {
      const { lowMs, meanMs } = times;
      if (trouble !== undefined || lowMs === undefined || meanMs === undefined) return [];
      return [{ server, lowMs, meanMs, nowMs: nowMs ?? undefined, load }];
    });
  }
}

/** Whether a server is so slow, or was away for so long, that it will hardly be the best one soon. */
function isHopeless({ times, failures }: Entry, bestMs: number): boolean {
  if (bestMs === Infinity) return false;
  if (times.lowMs === undefined) return failures >= ROUNDS;
  return times.lowMs > HOPELESS_FACTOR * bestMs + HOPELESS_MS;
}

/** Servers by their ports, where that tells them apart; by their whole addresses otherwise. */
function shortNames(servers: readonly string[]): Map<string, string> {
  const ports = servers.map((server) => server.slice(server.lastIndexOf(":") + 1));
  const hosts = new Set(servers.map((server) => server.slice(0, server.lastIndexOf(":"))));
  const short = hosts.size === 1;
  return new Map(servers.map((server, index) => [server, short ? ports[index]! : server]));
}
