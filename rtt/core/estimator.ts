/**
 * Estimates the round-trip time to one server: the figure that decides, and figures for people. Owns the
 * statistics. It is told what was measured, and must not know clocks or connections.
 *
 * @module
 */

/** How many rounds the lowest time looks back on. */
export const RECENT_ROUNDS = 10;
/** How many probes in a row may be missed before a server counts as degraded. */
export const MAX_MISSES = 3;
/** The weight of a new time in the smoothed mean: 0 to 1. MongoDB's drivers use the same. */
const MEAN_WEIGHT = 0.2;
/** The weight of a new difference in the jitter: 0 to 1, from RFC 3550, section 6.4.1. */
const JITTER_WEIGHT = 1 / 16;
/** How many probes the 95th percentile and the loss look back: ten minutes of one probe per round. */
const RECENT_PROBES = 60;

/**
 * The estimates for one server, from all measurements so far. A *probe* is one echo. A *round* is a group of
 * probes, sent one after the other.
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
  /** The lowest time of each recent round: milliseconds. */
  readonly #rounds: number[] = [];
  /** The times of the recent probes in milliseconds; `undefined` where there was no answer. */
  readonly #probes: (number | undefined)[] = [];
  #meanMs: number | undefined;
  #jitterMs = 0;
  /** The time of the last probe, for the jitter. */
  #lastProbeMs: number | undefined;
  #misses = 0;

  /** Adds a round: the times of its probes in milliseconds, at least one. */
  add(timesMs: readonly number[]): void {
    for (const ms of timesMs) this.#addProbe(ms);
    push(this.#rounds, Math.min(...timesMs), RECENT_ROUNDS);
    this.#misses = 0;
  }

  /** Counts a probe without an answer from a silent server. {@linkcode MAX_MISSES} in a row degrade it. */
  miss(): void {
    push(this.#probes, undefined, RECENT_PROBES);
    this.#misses++;
  }

  /** Counts a probe without an answer from a server that sent something else: a loss, but no miss. */
  late(): void {
    push(this.#probes, undefined, RECENT_PROBES);
    this.#misses = 0;
  }

  /**
   * Forgets the times after the server has gone away, because they say nothing about its return. The
   * percentile and the loss stay for people to see.
   */
  clear(): void {
    this.#rounds.length = 0;
    this.#meanMs = this.#lastProbeMs = undefined;
    this.#jitterMs = 0;
  }

  /** Whether {@linkcode MAX_MISSES} probes in a row were missed, so that the server should not be used. */
  get degraded(): boolean {
    return this.#misses >= MAX_MISSES;
  }

  /** The lowest time of the last {@linkcode RECENT_ROUNDS} rounds: milliseconds; `undefined` without any. */
  get lowMs(): number | undefined {
    return this.#rounds.length === 0 ? undefined : Math.min(...this.#rounds);
  }

  /** The lowest time of the last round: milliseconds; `undefined` without any. */
  get lastMs(): number | undefined {
    return this.#rounds.at(-1);
  }

  /** The exponentially smoothed mean of the probes: milliseconds; `undefined` without any. */
  get meanMs(): number | undefined {
    return this.#meanMs;
  }

  /** The smoothed difference between one probe and the next: milliseconds, as in RFC 3550. */
  get jitterMs(): number {
    return this.#jitterMs;
  }

  /**
   * The 95th percentile of the last 60 probes, by the nearest rank: milliseconds; `undefined` without any.
   */
  get p95Ms(): number | undefined {
    const times = this.#probes.filter((ms) => ms !== undefined).sort((a, b) => a - b);
    return times[Math.ceil(0.95 * times.length) - 1];
  }

  /** The share of the last 60 probes that got no answer: 0 to 1. */
  get loss(): number {
    const { length } = this.#probes;
    return length === 0 ? 0 : this.#probes.filter((ms) => ms === undefined).length / length;
  }

  #addProbe(ms: number): void {
    this.#meanMs = this.#meanMs === undefined
      ? ms
      : this.#meanMs + MEAN_WEIGHT * (ms - this.#meanMs);
    if (this.#lastProbeMs !== undefined) {
      this.#jitterMs += JITTER_WEIGHT * (Math.abs(ms - this.#lastProbeMs) - this.#jitterMs);
    }
    this.#lastProbeMs = ms;
    push(this.#probes, ms, RECENT_PROBES);
  }
}

/** Adds an item. Drops the oldest item when there are more than `most`. */
function push<T>(items: T[], item: T, most: number): void {
  items.push(item);
  if (items.length > most) items.shift();
}
