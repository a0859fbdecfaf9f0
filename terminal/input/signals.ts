/**
 * Handles the signals that ask a program to stop: from a key of the terminal, from the end of the
 * terminal, or from another program. Owns the handlers, the effect of a second signal, and the exit codes.
 * The program decides what it does to stop.
 *
 * @module
 */

/** The handlers that wait for a signal, and the request to stop that comes of it. */
export interface StopRequest extends Disposable {
  /** Aborts at the first signal, with a {@linkcode StopError} as its reason. */
  readonly signal: AbortSignal;
  /** Asks the program to stop for another reason, unless it has been asked before. */
  stop(reason: Error): void;
}

/**
 * A signal stopped the program before its work was done. `runProgram` ends such a program with the exit
 * code that shells use for the signal.
 */
export class StopError extends Error {
  /** `StopError`. */
  override name = "StopError";
  /** The exit code: 128 plus the number of the signal. */
  readonly exitCode: number;

  /** Creates the error for a signal, such as `SIGTERM`, with its exit code. */
  constructor(signal: string, exitCode: number) {
    super(`Stopped by ${signal} before the work was finished`);
    this.exitCode = exitCode;
  }
}

/**
 * Signals that come within this time of the first count as one request: milliseconds. Ctrl-C under
 * `deno task` reaches a program twice, from the terminal and from the task runner. The end of a terminal
 * does, too.
 */
const TOGETHER_MS = 200;

/** The signals that ask a program to stop, with the exit codes that shells use for them. */
const STOP_SIGNALS: Partial<Record<Deno.Signal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
  ...Deno.build.os === "windows" && { SIGBREAK: 149 },
};

/** Delivers a signal to the current handlers. Does nothing before {@linkcode listenForStop}. */
let take: (signal: Deno.Signal) => void = () => {};

/**
 * Waits for SIGHUP, SIGINT, SIGQUIT or SIGTERM, and on Windows also for SIGBREAK. (Closing a window is a
 * SIGHUP there.) The first one aborts the signal, so that the program can end in good order. A second one
 * ends the program at once, with 128 plus its number as the exit code. Disposing removes the handlers.
 *
 * `nohup` has no effect, because a program cannot see which signals were ignored when it started.
 */
export function listenForStop(): StopRequest {
  const controller = new AbortController();
  let firstAt = 0;
  const stop = (reason: Error) => {
    if (controller.signal.aborted) return;
    firstAt = performance.now();
    controller.abort(reason);
  };
  take = (name) => {
    const exitCode = STOP_SIGNALS[name]!;
    const isSecond = controller.signal.aborted && performance.now() - firstAt >= TOGETHER_MS;
    if (isSecond) Deno.exit(exitCode);
    stop(new StopError(name, exitCode));
  };
  const handlers = (Object.keys(STOP_SIGNALS) as Deno.Signal[]).map((name) => {
    const handler = () => take(name);
    Deno.addSignalListener(name, handler);
    return () => Deno.removeSignalListener(name, handler);
  });
  return {
    signal: controller.signal,
    stop,
    [Symbol.dispose]: () => handlers.splice(0).forEach((remove) => remove()),
  };
}

/** Does what ctrl-C does. For code that reads the keys of the terminal, so that ctrl-C sends no signal. */
export function interrupt(): void {
  take("SIGINT");
}

/** Resolves when `signal` aborts, or at once when it has aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Resolves after this many milliseconds; at once when there are none left. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/**
 * Waits for `work` until `signal` aborts. The work itself continues after that, and its result is ignored.
 *
 * @returns The result of `work`.
 * @throws {unknown} The reason of `signal` when it aborts, or the error of `work`.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, work]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
