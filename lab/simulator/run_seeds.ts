/**
 * Runs many seeds in several workers. Knows nothing of what a worker does with a seed.
 *
 * @module
 */

/** Which seeds to run, and how. */
export interface SeedRuns<T> {
  /** The module of the workers. A worker receives what `message` returns, and sends back a result. */
  readonly worker: URL;
  /** The first seed. */
  readonly from: number;
  /** The number of seeds. */
  readonly seeds: number;
  /** The number of workers. */
  readonly workers: number;
  /** Creates the message to a worker for a seed. */
  readonly message: (seed: number) => unknown;
  /** Called with each result, in the order in which runs end. */
  readonly onResult: (result: T) => void;
}

/**
 * Runs all seeds.
 *
 * @param stop Ends the runs early. Seeds that are being run give no result then.
 * @throws {Error} When a worker fails.
 */
export async function runSeeds<T>(runs: SeedRuns<T>, stop: AbortSignal): Promise<void> {
  const { worker: module, from, seeds, workers, message, onResult } = runs;
  let next = from;
  const runOne = async () => {
    const worker = new Worker(module, { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const runNext = () => {
      if (next < from + seeds && !stop.aborted) worker.postMessage(message(next++));
      else resolve();
    };
    worker.onmessage = ({ data }: MessageEvent<T>) => {
      onResult(data);
      runNext();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`Cannot simulate: ${event.message}`));
    };
    const giveUp = () => resolve();
    stop.addEventListener("abort", giveUp);
    runNext();
    await promise.finally(() => {
      stop.removeEventListener("abort", giveUp);
      worker.terminate();
    });
  };
  await Promise.all(Array.from({ length: Math.min(workers, seeds) }, runOne));
}
