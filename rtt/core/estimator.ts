/**
 * What is known of the time to one server: the figure that decides, and those that people look at. Pure:
 * it is told what was measured, and knows neither clocks nor connections.
 *
 * @module
 */

/** How many rounds count: the lowest of them decides. */
export const ROUNDS = 10;
/** How many misses in a row degrade a server. */
export const MAX_MISSES = 3;
/** The weight of a new sample in the smoothed mean: MongoDB's drivers take the same. */
const MEAN_WEIGHT = 0.2;
/** The weight of a new difference in the jitter: RFC 3550, 6.4.1. */
const JITTER_WEIGHT = 1 / 16;
/** How many probes the 95th percentile and the loss look back on. */
const LOOK_BACK = 60;

/**
 * The time to one server, from all rounds so far.
 *
 * @example
 * ```ts
 * import { Estimator } from "@netlab/rtt";
 *
 * const estimator = new Estimator();
 * estimator.add([21, 20, 35]); // one round of three probes
 * estimator.add([28]);
 * estimator.lowMs; // 20
 * ```
 */
export class Estimator {
  readonly #rounds: number[] = [];
  readonly #probes: (number | undefined)[] = [];
  #meanMs: number | undefined;
  #jitterMs = 0;
  #probeMs: number | undefined;
  #misses = 0;

  /** A round was answered: what its probes took, one at least, in milliseconds. */
  add(times: readonly number[]): void {
    for (const ms of times) this.#addProbe(ms);
    push(this.#rounds, Math.min(...times), ROUNDS);
    this.#misses = 0;
  }

  /** A probe got no answer, and nothing else was heard: three in a row degrade the server. */
  miss(): void {
    push(this.#probes, undefined, LOOK_BACK);
    this.#misses++;
  }

  /** A probe got no answer, but something else was heard: lost, and yet a sign of life. */
  late(): void {
    push(this.#probes, undefined, LOOK_BACK);
    this.#misses = 0;
  }

  /**
   * The server has gone away: what was measured says nothing of what comes. Percentile and loss stay, for
   * people to see.
   */
  clear(): void {
    this.#rounds.length = 0;
    this.#meanMs = this.#probeMs = undefined;
    this.#jitterMs = 0;
  }

  /** Whether so many probes in a row were missed that the server is not to be used. */
  get degraded(): boolean {
    return this.#misses >= MAX_MISSES;
  }

  /** The lowest of the last ten rounds, in milliseconds: what decides. `undefined` before the first. */
  get lowMs(): number | undefined {
    return this.#rounds.length === 0 ? undefined : Math.min(...this.#rounds);
  }

  /** The lowest of the last round, in milliseconds. */
  get lastMs(): number | undefined {
    return this.#rounds.at(-1);
  }

  /** The smoothed mean, in milliseconds: each probe has a fifth of the weight. */
  get meanMs(): number | undefined {
    return this.#meanMs;
  }

  /** How much one probe differs from the next, smoothed, in milliseconds. */
  get jitterMs(): number {
    return this.#jitterMs;
  }

  /** Of the last 60 probes, 95 in a hundred took no longer: milliseconds. */
  get p95Ms(): number | undefined {
    const times = this.#probes.filter((ms) => ms !== undefined).sort((a, b) => a - b);
    return times[Math.ceil(0.95 * times.length) - 1];
  }

  /** Which share of the last 60 probes got no answer: 0 to 1. */
  get loss(): number {
    const { length } = this.#probes;
    return length === 0 ? 0 : this.#probes.filter((ms) => ms === undefined).length / length;
  }

  #addProbe(ms: number): void {
    this.#meanMs = this.#meanMs === undefined
      ? ms
      : this.#meanMs + MEAN_WEIGHT * (ms - this.#meanMs);
    if (this.#probeMs !== undefined) {
      this.#jitterMs += JITTER_WEIGHT * (Math.abs(ms - this.#probeMs) - this.#jitterMs);
    }
    this.#probeMs = ms;
    push(this.#probes, ms, LOOK_BACK);
  }
}

/** Adds an item, and drops the oldest when there are more than `most`. */
function push<T>(items: T[], item: T, most: number): void {
  items.push(item);
  if (items.length > most) items.shift();
}
