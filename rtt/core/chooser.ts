/**
 * Keeps what is known of all servers, decides which of them to measure in a round, and asks a policy which
 * one to use. Its caller measures and moves, and tells it the time, the answers and the server in use. It
 * must not know clocks or connections.
 *
 * @module
 */
import { Estimator, RECENT_ROUNDS } from "./estimator.ts";
import type { Policy, ServerTimes } from "./policy.ts";

/** How many probes a server gets in its first round, and after it was away. */
export const FIRST_PROBES = 5;
/** The time from one round to the next: milliseconds. */
export const ROUND_MS = 10_000;
/** The share by which the time between rounds varies, so that clients do not measure in step. */
const ROUND_JITTER = 0.2;
/**
 * A server that cannot win is measured in every third round. Three rounds take at most 36 seconds, so its
 * connection stays open: servers close a connection after 60 seconds of silence.
 */
const SELDOM_ROUNDS = 3;
/**
 * A server cannot win while its lowest time is above this many times the best, plus
 * {@linkcode HOPELESS_MS}. Nor can it win after it has been away for {@linkcode RECENT_ROUNDS} rounds.
 */
const HOPELESS_FACTOR = 2;
/** What is added to the limit of {@linkcode HOPELESS_FACTOR}: milliseconds. */
const HOPELESS_MS = 10;

/**
 * The largest number of servers that are measured. It allows a connection to each, and a server that names
 * ever new servers cannot fill the memory or the network.
 */
export const MAX_SERVERS = 256;

/** How many rounds the history of a server holds: ten minutes at ten seconds each. */
const HISTORY_ROUNDS = 60;

const NOT_ASKED = "not asked yet";

/** A request to measure a server. */
export interface ProbeRequest {
  /** The address of the server, `host:port`. */
  readonly server: string;
  /** How many probes it gets, one after the other. */
  readonly probes: number;
}

/** The decision of a round. */
export interface Decision {
  /**
   * `chose` when the client used no server, `kept` when it stays, `moved` when it goes to a better server,
   * `left` when its server failed, and `none` when no server answers.
   */
  readonly kind: "chose" | "kept" | "moved" | "left" | "none";
  /** The address of the server to use from now on; `undefined` when no server answers. */
  readonly server: string | undefined;
  /** The decision and its reason in one line: `kept 5002: its lowest time of ten rounds is the best, 0.41 ms`. */
  readonly line: string;
  /** The reason, as the end of a sentence. */
  readonly because: string;
  /** Whether several servers were equally good, so that load or chance decided. */
  readonly tie: boolean;
}

/** What is known of one server. */
export interface ServerState {
  /** The address of the server, `host:port`. */
  readonly server: string;
  /** Its name in decisions: its port, or its address where ports are not unique. */
  readonly name: string;
  /** The estimates of its round-trip time. */
  readonly times: Estimator;
  /** The number of its users; `undefined` when it does not report one. */
  readonly load: number | undefined;
  /**
   * Its lowest time in the last round: milliseconds; `null` when it did not answer, `undefined` when it was
   * not measured.
   */
  readonly nowMs: number | null | undefined;
  /** Its {@linkcode ServerState.nowMs} in the last 60 rounds, the newest last. */
  readonly history: readonly (number | null | undefined)[];
  /** Why it cannot be used, as the end of a sentence; `undefined` when it can be used. */
  readonly trouble: string | undefined;
}

interface Entry extends Omit<ServerState, "name"> {
  /** Without the current round. */
  readonly history: (number | null | undefined)[];
  nowMs: number | null | undefined;
  load: number | undefined;
  trouble: string | undefined;
  /** How many rounds have begun since it was last measured. */
  rounds: number;
  /** In how many of its measured rounds in a row it could not be used. */
  failures: number;
  /** How many rounds have begun since it was last named. */
  unnamedRounds: number;
}

/** The servers that a client knows, and the decisions about them. */
export class Chooser {
  readonly #policy: Policy;
  readonly #entries = new Map<string, Entry>();
  #names: ReadonlyMap<string, string> = new Map();
  #used: string | undefined;
  /** The server that failed, until another server is used. */
  #lost: { server: string; why: string } | undefined;

  /** Creates a chooser that knows no server yet. */
  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** All known servers, in the order in which they became known. */
  get servers(): readonly ServerState[] {
    return [...this.#entries.values()].map((
      { rounds: _, failures: __, unnamedRounds: ___, history, ...state },
    ) => ({
      ...state,
      name: this.#name(state.server),
      history: [...history, state.nowMs],
    }));
  }

  /** The address of the server in use; `undefined` when there is none. */
  get used(): string | undefined {
    return this.#used;
  }

  /**
   * Returns the time until the next round: milliseconds.
   *
   * @param chance A random number from 0 up to, but not including, 1.
   * @param roundMs The mean of the time between rounds: milliseconds.
   */
  static nextRoundMs(chance: number, roundMs: number = ROUND_MS): number {
    return roundMs * (1 + ROUND_JITTER * (2 * chance - 1));
  }

  /**
   * Begins a round. Forgets the servers that cannot be used and that nobody has named for as many rounds as a
   * history holds. Returns the known servers to measure in the round.
   */
  begin(): ProbeRequest[] {
    this.#forgetUnusable(this.#entries.size >= MAX_SERVERS ? 0 : HISTORY_ROUNDS);
    const best = Math.min(...this.#usable().map(({ lowMs }) => lowMs));
    const requests: ProbeRequest[] = [];
    for (const entry of this.#entries.values()) {
      entry.history.push(entry.nowMs);
      if (entry.history.length >= HISTORY_ROUNDS) entry.history.shift();
      if (entry.rounds === 0) entry.failures = entry.trouble ? entry.failures + 1 : 0;
      entry.nowMs = undefined;
      entry.rounds++;
      entry.unnamedRounds++;
      if (entry.server !== this.#used && entry.rounds < SELDOM_ROUNDS && isHopeless(entry, best)) {
        continue;
      }
      entry.rounds = 0;
      const probes = entry.times.lowMs === undefined ? FIRST_PROBES : 1;
      requests.push({ server: entry.server, probes });
    }
    return requests;
  }

  /**
   * Adds servers by address, because they were named again or for the first time. Returns those that are new, to be measured in the current round. When
   * {@linkcode MAX_SERVERS} are known, no server is added until the next round, which forgets the servers
   * that cannot be used.
   */
  learn(servers: Iterable<string>): ProbeRequest[] {
    const named = new Set(servers);
    for (const server of named) {
      const known = this.#entries.get(server);
      if (known) known.unnamedRounds = 0;
    }
    const added = [...named].filter((server) => !this.#entries.has(server))
      .slice(0, Math.max(0, MAX_SERVERS - this.#entries.size));
    for (const server of added) {
      this.#entries.set(server, {
        server,
        times: new Estimator(),
        load: undefined,
        nowMs: undefined,
        history: [],
        trouble: NOT_ASKED,
        rounds: 0,
        failures: 0,
        unnamedRounds: 0,
      });
    }
    if (added.length > 0) this.#names = shortNames([...this.#entries.keys()]);
    return added.map((server) => ({ server, probes: FIRST_PROBES }));
  }

  /** Notes that a known server is being asked. */
  asked(server: string): void {
    const entry = this.#entries.get(server)!;
    if (entry.trouble === NOT_ASKED) entry.trouble = "no answer yet";
  }

  /** Notes that a known server answered: the times of its probes in milliseconds, and its number of users. */
  answered(server: string, timesMs: readonly number[], load?: number): void {
    const entry = this.#entries.get(server)!;
    entry.times.add(timesMs);
    entry.nowMs = entry.times.lastMs;
    entry.load = load;
    entry.trouble = undefined;
  }

  /**
   * Notes that a known server did not answer a probe.
   *
   * @param alive Whether it sent something else meanwhile.
   * @returns Whether it has missed so many probes in a row that it should not be used.
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

  /** Notes that a server cannot be used. `why` is the end of a sentence. */
  failed(server: string, why: string): void {
    const entry = this.#entries.get(server);
    if (!entry) return;
    entry.times.clear();
    entry.nowMs = null;
    entry.trouble = why;
  }

  /** Notes that the client uses this server now. */
  use(server: string): void {
    this.#used = server;
    this.#lost = undefined;
  }

  /** Notes that the server in use has failed. `why` is the end of a sentence. */
  lose(why: string): void {
    if (this.#used === undefined) return;
    this.#lost = { server: this.#used, why };
    this.failed(this.#used, why);
    this.#used = undefined;
  }

  /** Decides at the end of a round. `now` is the time in milliseconds, by a clock that never goes back. */
  decide(now: number): Decision {
    const servers = this.#usable();
    const name = (server: string) => this.#name(server);
    if (this.#used !== undefined) {
      const { trouble } = this.#entries.get(this.#used) ?? {};
      // Without another server that answers, the client keeps this one.
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

  /**
   * Forgets servers that cannot be used and that nobody has named for so many rounds. Servers that still exist
   * will be named again by their peers.
   */
  #forgetUnusable(unnamedRounds: number): void {
    const before = this.#entries.size;
    for (const [server, entry] of this.#entries) {
      const isUsable = entry.trouble === undefined || server === this.#used;
      if (!isUsable && entry.unnamedRounds >= unnamedRounds) this.#entries.delete(server);
    }
    if (this.#entries.size < before) this.#names = shortNames([...this.#entries.keys()]);
  }

  #usable(): ServerTimes[] {
    return [...this.#entries.values()].flatMap(({ server, times, nowMs, load, trouble }) => {
      const { lowMs, meanMs } = times;
      if (trouble !== undefined || lowMs === undefined || meanMs === undefined) return [];
      return [{ server, lowMs, meanMs, nowMs: nowMs ?? undefined, load }];
    });
  }
}

/** Whether a server is so slow, or was away for so long, that it cannot become the best one soon. */
function isHopeless({ times, failures }: Entry, bestMs: number): boolean {
  if (bestMs === Infinity) return false;
  if (times.lowMs === undefined) return failures >= RECENT_ROUNDS;
  return times.lowMs > HOPELESS_FACTOR * bestMs + HOPELESS_MS;
}

/**
 * Returns the names of servers: their ports when all have the same host and scheme, otherwise their addresses.
 */
function shortNames(servers: readonly string[]): Map<string, string> {
  const ports = servers.map((server) => server.slice(server.lastIndexOf(":") + 1));
  const hosts = new Set(servers.map((server) => server.slice(0, server.lastIndexOf(":"))));
  const short = hosts.size === 1;
  return new Map(servers.map((server, index) => [server, short ? ports[index]! : server]));
}
