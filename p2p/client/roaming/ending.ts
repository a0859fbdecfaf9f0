/**
 * The end of a client: what stops with it, and what it waits for. Must not know what the work is.
 *
 * @module
 */

/** Tells work that the client is closed, and waits for work that ends then. */
export class Ending {
  readonly #end = new AbortController();
  /** Connections and attempts that are ending. */
  readonly #works = new Set<Promise<void>>();

  /** Aborts when the client is closed. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Ends the work of the client. Waits for work fail with `reason`. */
  begin(reason: unknown): void {
    this.#end.abort(reason);
  }

  /** Adds work that is ending, for which {@linkcode Ending.settled} waits. */
  add(work: Promise<void>): void {
    const ending = work.finally(() => this.#works.delete(ending));
    this.#works.add(ending);
  }

  /** Resolves when all work that was added has ended. */
  async settled(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works);
  }

  /** Returns the result of `work`. Throws the reason for closing when the client is closed first. */
  async unless<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    const { promise, reject } = Promise.withResolvers<never>();
    const onEnd = () => reject(signal.reason);
    signal.addEventListener("abort", onEnd);
    if (signal.aborted) onEnd();
    return await Promise.race([promise, work]).finally(() =>
      signal.removeEventListener("abort", onEnd)
    );
  }
}
