/**
 * Rounds of measuring, one after the other: drives the chooser with the clock, the prober and chance.
 * Owns the timer, and how long a round may take; what a decision means to a user's connection is for the
 * client to know.
 *
 * @module
 */
import { type Ask, Chooser, type Decision, ROUND_MS, type ServerState } from "../core/chooser.ts";
import { createPolicy, type PolicyName } from "../core/policies.ts";
import { ASK_MS, Prober, reasonIn, whyNot } from "./prober.ts";
import type { SelectorOptions } from "../core/selector.ts";

/**
 * The servers that a round hears of later than that wait for the next one: milliseconds from its start.
 * Otherwise a server that names another one each time it is asked would make a round endless.
 */
const LEARN_MS = 5_000;

/**
 * How long a round takes at most, whatever the servers do: milliseconds. The last ones to be asked are
 * those that it hears of in the first five seconds, and each has five seconds to answer.
 */
export const MAX_ROUND_MS: number = LEARN_MS + ASK_MS;

/** How servers are measured and chosen. */
export interface RoundsOptions extends SelectorOptions {
  /**
   * The rule by which a server is chosen.
   *
   * @default {"netlab"}
   */
  policy?: PolicyName;
  /**
   * The time from one round of measuring to the next, of which each differs by up to a fifth:
   * milliseconds.
   *
   * @default {10000}
   */
  roundMs?: number;
}

/** What came of a round. */
export interface Round {
  /** When it was over. */
  readonly time: Date;
  /** All servers that are known. */
  readonly servers: readonly ServerState[];
  /** What follows. */
  readonly decision: Decision;
}

/** What rounds need to know of the connection that they are for. */
export interface RoundsHost {
  /** The addresses of the servers that are known. */
  known(): Iterable<string>;
  /** When the server in use was heard last: milliseconds of `performance.now()`. */
  heardAt(): number | undefined;
  /** A round is over, or something was decided without one. */
  done(round: Round): void;
}

/** Measures, round after round. */
export class Rounds implements AsyncDisposable {
  /** What is known, and decided by. */
  readonly chooser: Chooser;
  readonly #host: RoundsHost;
  readonly #roundMs: number;
  readonly #prober = new Prober();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<Round> | undefined;
  #denied: Deno.errors.NotCapable | undefined;
  #closed = false;

  /** Measures nothing yet. */
  constructor(options: RoundsOptions, host: RoundsHost) {
    this.chooser = new Chooser(createPolicy(options.policy ?? "netlab", options));
    this.#roundMs = options.roundMs ?? ROUND_MS;
    this.#host = host;
  }

  /** From now on there is a round every so often. */
  start(): void {
    if (this.#closed) return;
    const ms = Chooser.nextRoundMs(Math.random(), this.#roundMs);
    this.#timer = setTimeout(() => {
      this.start();
      void this.measure();
    }, ms);
  }

  /**
   * Measures now, if it is not being done, and decides; ten seconds later at most
   * ({@linkcode MAX_ROUND_MS}).
   */
  measure(): Promise<Round> {
    this.#running ??= this.#measure().finally(() => this.#running = undefined);
    return this.#running;
  }

  /** The server in use was lost; `reason` is a sentence that ends with why. */
  lose(reason: string): void {
    this.chooser.lose(reasonIn(reason));
  }

  /** Decides by what is known, without measuring. */
  decide(): Round {
    const decision = this.chooser.decide(performance.now());
    const round = { time: new Date(), servers: this.chooser.servers, decision };
    if (!this.#closed) this.#host.done(round);
    return round;
  }

  /** The permission that was missing to reach a server. */
  get denied(): Deno.errors.NotCapable | undefined {
    return this.#denied;
  }

  /** Ends; what is being measured is given up. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#prober.close();
    await this.#running;
  }

  /** The same as {@linkcode Rounds.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #measure(): Promise<Round> {
    const learnUntil = performance.now() + LEARN_MS;
    const asks = [...this.chooser.begin(), ...this.chooser.learn(this.#host.known())];
    await this.#askAll(asks, learnUntil);
    return this.decide();
  }

  async #askAll(asks: readonly Ask[], learnUntil: number): Promise<void> {
    await Promise.all(asks.map((ask) => this.#ask(ask, learnUntil)));
  }

  /** Asks a server, and as soon as it names others those as well. */
  async #ask({ server, probes }: Ask, learnUntil: number): Promise<void> {
    const { chooser } = this;
    const begun = performance.now();
    // Any frame is a sign of life, also one that came to the user.
    const isHeard = () => server === chooser.used && (this.#host.heardAt() ?? -1) >= begun;
    const missed = (heard: boolean) => chooser.missed(server, heard || isHeard());
    let others: Promise<void> | undefined;
    const learned = (servers: readonly string[]) => {
      const asks = chooser.learn(servers);
      if (performance.now() < learnUntil) others = this.#askAll(asks, learnUntil);
    };
    try {
      const { times, load } = await this.#prober.ask({ server, probes, learned, missed });
      chooser.answered(server, times, load);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) this.#denied = error;
      if (!this.#closed && !isHeard()) chooser.failed(server, whyNot(error));
    }
    await others;
  }
}
