/**
 * Measures all servers in rounds, and decides after each which one to use. Owns the timer and the time limit
 * of a round; it connects the chooser to the clock, the prober and random numbers. The client carries out
 * the decisions.
 *
 * @module
 */
import {
  Chooser,
  type Decision,
  type ProbeRequest,
  ROUND_MS,
  type ServerState,
} from "../core/chooser.ts";
import type { NetlabPolicyOptions } from "../core/netlab_policy.ts";
import { createPolicy, type PolicyName } from "../core/policies.ts";
import { type HomeNetwork, isTokenError, OwnToken } from "@netlab/p2p/client";
import {
  ErrorCode,
  hostOf,
  type HostReach,
  isLoopbackHost,
  NetlabError,
  TrustFile,
} from "@netlab/protocol";
import { MEASURE_TIMEOUT_MS, Prober } from "./prober.ts";
import { reasonIn, whyNot } from "./reasons.ts";

/**
 * How long after its start a round measures servers that it hears of: milliseconds. Later ones wait for the
 * next round. Without this limit, servers that name ever new servers would make a round endless.
 */
const LEARN_MS = 5_000;

/**
 * The longest time that a round takes, whatever the servers do: milliseconds. The last servers to be
 * measured are those that the round hears of in its first five seconds.
 */
export const MAX_ROUND_MS: number = LEARN_MS + MEASURE_TIMEOUT_MS;

/**
 * How long {@linkcode Rounds.choose} waits for other servers once one has been measured: milliseconds. The
 * fastest servers are measured first, so a server that needs longer is much slower, or does not answer at all.
 */
const CHOOSE_MS = 1_000;

/**
 * How many servers on another host a round measures that were never found to belong to the network, so that nobody can use
 * the client to try all ports of a machine.
 */
const MAX_UNPROVEN_PER_HOST = 32;

/** How servers are measured and chosen. */
export interface RoundsOptions extends NetlabPolicyOptions {
  /**
   * The policy that chooses a server.
   *
   * @default {"netlab"}
   */
  policy?: PolicyName;
  /**
   * The mean time from one round to the next: milliseconds. Each time differs from it by up to a fifth.
   *
   * @default {10000}
   */
  roundMs?: number;
  /**
   * A file with certificates of authorities: PEM. They are trusted besides the public ones, for servers at
   * `tls://host:port`.
   *
   * @default {none}
   */
  tlsCa?: string;
}

/** The result of a round. */
export interface Round {
  /** When the round ended. */
  readonly time: Date;
  /** All known servers. */
  readonly servers: readonly ServerState[];
  /** Which server to use from now on, and why. */
  readonly decision: Decision;
}

/** What {@linkcode Rounds} asks of the client, and reports to it. */
export interface RoundsHost {
  /** Returns the addresses of the servers that the client knows. */
  known(): Iterable<string>;
  /** Returns when the server in use last sent something: milliseconds of `performance.now()`. */
  heardAt(): number | undefined;
  /** Returns the client's network, which knows the servers that belong to it. */
  network(): HomeNetwork;
  /** The client's token, or none. */
  readonly token?: OwnToken;
  /** Called at the end of a round, and after a decision without a round. */
  done(round: Round): void;
}

/** Measures servers, round after round. */
export class Rounds implements AsyncDisposable {
  /** The known servers, and the decisions about them. */
  readonly chooser: Chooser;
  readonly #host: RoundsHost;
  readonly #roundMs: number;
  readonly #prober: Prober;
  /** The networks that servers state, by address. */
  readonly #networks = new Map<string, string | undefined>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<Round> | undefined;
  #denied: Error | undefined;
  /** How many servers were measured in this round that were never found to belong to the network, by host. */
  readonly #unproven = new Map<string, number>();
  #closed = false;
  /** Called when a server has been measured. */
  #onMeasured: () => void = () => {};

  /** Creates rounds that measure nothing yet. */
  constructor(options: RoundsOptions, host: RoundsHost) {
    this.chooser = new Chooser(createPolicy(options.policy ?? "netlab", options));
    this.#roundMs = options.roundMs ?? ROUND_MS;
    this.#host = host;
    const { tlsCa } = options;
    const trust = tlsCa === undefined ? undefined : new TrustFile(tlsCa);
    this.#prober = new Prober(host.token ?? new OwnToken(undefined), trust);
  }

  /** Starts a round after every interval from now on. */
  start(): void {
    if (this.#closed) return;
    const ms = Chooser.nextRoundMs(Math.random(), this.#roundMs);
    this.#timer = setTimeout(() => {
      this.start();
      void this.measure();
    }, ms);
  }

  /**
   * Measures now, or waits for the current round, and returns the result. Takes at most
   * {@linkcode MAX_ROUND_MS}.
   */
  measure(): Promise<Round> {
    this.#running ??= this.#measure().finally(() => this.#running = undefined);
    return this.#running;
  }

  /**
   * Measures as {@linkcode Rounds.measure} does, but decides a second after the first server has been measured.
   * The round goes on, and decides again at its end.
   */
  async choose(): Promise<Round> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    this.#onMeasured = () => timer ??= setTimeout(resolve, CHOOSE_MS);
    try {
      return await Promise.race([this.measure(), promise]) ?? this.decide();
    } finally {
      clearTimeout(timer);
      this.#onMeasured = () => {};
    }
  }

  /** Notes that the server in use was lost. The reason is behind the last colon of `reason`. */
  lose(reason: string): void {
    this.chooser.lose(reasonIn(reason));
  }

  /** Decides without measuring, from what is known. */
  decide(): Round {
    this.#keepToOneNetwork();
    const decision = this.chooser.decide(performance.now());
    const round = { time: new Date(), servers: this.chooser.servers, decision };
    if (!this.#closed) this.#host.done(round);
    return round;
  }

  /** Returns the network that a server stated when it was last measured; `undefined` when it stated none. */
  networkOf(server: string): string | undefined {
    return this.#networks.get(server);
  }

  /**
   * The last error in this round that a person can correct: a missing permission or token, or a certificate that is not
   * trusted; `undefined` without one.
   */
  get denied(): Error | undefined {
    return this.#denied;
  }

  /** Stops. A round in progress is given up. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#prober.close();
    await this.#running;
  }

  /** Stops, as {@linkcode Rounds.close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #measure(): Promise<Round> {
    const learnUntil = performance.now() + LEARN_MS;
    this.#denied = undefined;
    this.#unproven.clear();
    const requests = [...this.chooser.begin(), ...this.chooser.learn(this.#host.known())];
    const known = new Set(this.chooser.servers.map(({ server }) => server));
    for (const server of this.#networks.keys()) {
      if (!known.has(server)) this.#networks.delete(server);
    }
    await this.#measureAll(requests, learnUntil);
    return this.decide();
  }

  /**
   * Gives up the servers of other networks that were measured before the client's network was known. It is then
   * that of the first server that answers, in the order in which the client knows them.
   */
  #keepToOneNetwork(): void {
    const network = this.#host.network();
    for (const { server, trouble } of this.chooser.servers) {
      if (trouble !== undefined) continue;
      network.found(this.#networks.get(server));
      try {
        network.check(server, this.#networks.get(server));
      } catch (error) {
        this.chooser.failed(server, whyNot(error));
      }
    }
  }

  async #measureAll(requests: readonly ProbeRequest[], learnUntil: number): Promise<void> {
    const due = requests.filter(({ server }) => this.#mayMeasure(server));
    await Promise.all(due.map((request) => this.#measureServer(request, learnUntil)));
  }

  /** Returns whether a server may be measured in this round. Servers can list any number of strangers. */
  #mayMeasure(server: string): boolean {
    const host = hostOf(server);
    if (isLoopbackHost(host) || this.#host.network().isProven(server)) return true;
    const count = (this.#unproven.get(host) ?? 0) + 1;
    this.#unproven.set(host, count);
    return count <= MAX_UNPROVEN_PER_HOST;
  }

  /** Measures a server, and other servers as soon as this one names them. */
  async #measureServer({ server, probes }: ProbeRequest, learnUntil: number): Promise<void> {
    const { chooser } = this;
    const startedAt = performance.now();
    chooser.asked(server);
    // Any frame is a sign of life, also one on the connection of the user.
    const isHeard = () => server === chooser.used && (this.#host.heardAt() ?? -1) >= startedAt;
    const missed = (heard: boolean) => chooser.missed(server, heard || isHeard());
    let others: Promise<void> | undefined;
    const home = this.#host.network();
    const learned = (servers: readonly string[], by: HostReach) => {
      const requests = chooser.learn(home.listed(servers, by));
      if (performance.now() < learnUntil) others = this.#measureAll(requests, learnUntil);
    };
    try {
      const admit = (network: string | undefined) => {
        this.#networks.set(server, network);
        home.check(server, network);
      };
      const namedBy = home.namerOf(server);
      const request = { server, probes, namedBy, admit, learned, missed };
      const { timesMs, load } = await this.#prober.measure(request);
      chooser.answered(server, timesMs, load);
      this.#onMeasured();
    } catch (error) {
      const isTls = error instanceof NetlabError && error.code === ErrorCode.TlsFailed;
      if (isTls || isTokenError(error) || error instanceof Deno.errors.NotCapable) {
        this.#denied = error;
      }
      if (!this.#closed && !isHeard()) chooser.failed(server, whyNot(error));
    }
    await others;
  }
}
