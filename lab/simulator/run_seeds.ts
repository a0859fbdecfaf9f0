/**
 * Shares seeds out among workers, each of which runs one after the other. Knows nothing of what is run.
 *
 * @module
 */

/** What is to be run. */
export interface Share<T> {
  /** The module of the worker: it is sent what `message` gives, and sends back a result. */
  readonly worker: URL;
  /** The first seed. */
  readonly from: number;
  /** How many seeds. */
  readonly seeds: number;
  /** How many workers at one time. */
  readonly workers: number;
  /** What a worker is sent for a seed. */
  readonly message: (seed: number) => unknown;
  /** Hears of every result. */
  readonly onResult: (result: T) => void;
}

/**
 * Runs all seeds. When `stop` aborts, those that are being run are given up.
 *
 * @throws {Error} When a worker fails.
 */
export async function runSeeds<T>(share: Share<T>, stop: AbortSignal): Promise<void> {
  const { worker: module, from, seeds, workers, message, onResult } = share;
  let next = from;
  const one = async () => {
    const worker = new Worker(module, { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const give = () => {
      if (next < from + seeds && !stop.aborted) worker.postMessage(message(next++));
      else resolve();
    };
    worker.onmessage = ({ data }: MessageEvent<T>) => {
      onResult(data);
      give();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The simulation itself failed: ${event.message}`));
    };
    const giveUp = () => resolve();
    stop.addEventListener("abort", giveUp);
    give();
    await promise.finally(() => {
      stop.removeEventListener("abort", giveUp);
      worker.terminate();
    });
  };
  await Promise.all(Array.from({ length: Math.min(workers, seeds) }, one));
}
