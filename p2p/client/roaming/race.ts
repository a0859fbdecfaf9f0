/**
 * Tries several addresses at the same time, each a little later than the one before, and takes the first that
 * succeeds. Owns when an attempt starts. Must not know what an attempt does.
 *
 * @module
 */

/** The time from one attempt to the next while none has an outcome: milliseconds, from RFC 8305, section 5. */
const STAGGER_MS = 250;

/** How many attempts run at the same time, so that a server that lists many addresses causes few connections. */
const MAX_RUNNING = 16;

/** What a {@linkcode Race} does with its attempts. */
export interface RaceHost<T> {
  /** Tries an address, and gives up when `stop` aborts. */
  attempt(address: string, stop: AbortSignal): Promise<T>;
  /** Called when an attempt has failed. */
  failed(address: string): void;
  /** Called with each success that came too late to be used. */
  unused(result: T): void;
}

/** Attempts that run at the same time. */
export class Race<T> {
  /** Why attempts have failed since the last call of {@linkcode Race.start}. */
  readonly failures: unknown[] = [];
  readonly #host: RaceHost<T>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #successes: T[] = [];
  readonly #end = new AbortController();
  #waiting: string[] = [];
  /** Whether the next attempt starts without a wait. */
  #isDue = true;
  /** When the last attempt started: milliseconds. */
  #startedAt = 0;
  #change = Promise.withResolvers<void>();

  /** Starts without attempts. */
  constructor(host: RaceHost<T>) {
    this.#host = host;
  }

  /**
   * Tries these addresses in this order from now on. Attempts that are running go on; their addresses are not
   * tried twice.
   */
  start(addresses: readonly string[]): void {
    this.failures.length = 0;
    this.#waiting = addresses.filter((address) => !this.#running.has(address));
    this.#isDue = true;
    this.#startedAt = performance.now();
  }

  /**
   * Returns the next success. Each further attempt starts 250 ms after the one before it, or when one fails.
   *
   * @param forMs How long to wait after the last attempt has started: milliseconds. Without it, until all
   *   attempts have failed.
   * @returns `undefined` at the end of the wait, or after {@linkcode Race.close}.
   */
  async next(forMs?: number): Promise<T | undefined> {
    while (!this.#end.signal.aborted) {
      const success = this.#successes.shift();
      if (success !== undefined) return success;
      if (this.#waiting.length > 0 && this.#running.size >= MAX_RUNNING) {
        await this.#changeWithin(Infinity);
        continue;
      }
      const isLast = this.#waiting.length === 0;
      if (isLast && forMs === undefined && this.#running.size === 0) return undefined;
      const waitMs = isLast ? forMs ?? Infinity : this.#isDue ? 0 : STAGGER_MS;
      const leftMs = this.#startedAt + waitMs - performance.now();
      if (leftMs > 0) await this.#changeWithin(leftMs);
      else if (isLast) return undefined;
      else this.#try(this.#waiting.shift()!);
    }
    return undefined;
  }

  /** Stops all attempts. Resolves when they have ended. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#change.resolve();
    for (const success of this.#successes.splice(0)) this.#host.unused(success);
    await Promise.all(this.#running.values());
  }

  #try(address: string): void {
    this.#isDue = false;
    this.#startedAt = performance.now();
    const running = this.#host.attempt(address, this.#end.signal).then(
      (result) => {
        if (this.#end.signal.aborted) this.#host.unused(result);
        else this.#successes.push(result);
      },
      (error) => {
        if (this.#end.signal.aborted) return;
        this.#host.failed(address);
        this.failures.push(error);
        this.#isDue = true;
      },
    ).finally(() => {
      this.#running.delete(address);
      this.#change.resolve();
    });
    this.#running.set(address, running);
  }

  /** Waits until an attempt has ended, for at most so many milliseconds. */
  async #changeWithin(ms: number): Promise<void> {
    this.#change = Promise.withResolvers();
    const timer = ms === Infinity ? undefined : setTimeout(this.#change.resolve, ms);
    await this.#change.promise;
    clearTimeout(timer);
  }
}
