/**
 * How a program is asked to stop: by a key of its terminal, by the end of that terminal, or by another program.
 * Owns the handlers, what a second signal does, and which exit codes belong to signals; what stopping means is
 * for the program to know.
 *
 * @module
 */

/** A request to stop, and the handlers that wait for it. */
export interface StopRequest extends Disposable {
  /** Aborts when the first signal comes; its reason is a {@linkcode StopError} then. */
  readonly signal: AbortSignal;
  /** Aborts the signal for another reason, if it has not aborted yet. */
  stop(reason: Error): void;
}

/**
 * Why a program that was not done stopped: a signal told it to. `runProgram` ends such a program with the exit
 * code that shells give to the signal.
 */
export class StopError extends Error {
  /** `StopError`. */
  override name = "StopError";
  /** The exit code: 128 and the number of the signal. */
  readonly exitCode: number;

  /** The error for a signal, such as `SIGTERM`, with the exit code that belongs to it. */
  constructor(signal: string, exitCode: number) {
    super(`Cannot go on: told to stop by ${signal}`);
    this.exitCode = exitCode;
  }
}

/**
 * Signals that come so close together are one request: ctrl-C under `deno task` reaches a program twice,
 * from the terminal and from the task runner, and so does the end of a terminal. Milliseconds.
 */
const TOGETHER_MS = 200;

/** The signals that ask a program to stop, with the exit codes that shells give them. */
const STOP_SIGNALS: Partial<Record<Deno.Signal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
  ...Deno.build.os === "windows" && { SIGBREAK: 149 },
};

/** Takes a signal for the program that listens. */
let take: (signal: Deno.Signal) => void = () => {};

/**
 * Waits for SIGHUP, SIGINT, SIGQUIT or SIGTERM (on Windows for SIGBREAK as well; a window that is closed is a
 * SIGHUP there). The first one aborts the signal, so that the program can end in good order; a second one
 * ends it at once, with 128 and its number as the exit code. Disposing removes the handlers.
 *
 * This also holds for a program that was started with `nohup`: what ignores a signal cannot be told from here.
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

/** Does what ctrl-C does: for whoever reads the keys of the terminal, so that the system sends no signal. */
export function interrupt(): void {
  take("SIGINT");
}

/** Resolves when `signal` aborts; at once when it has. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * What `work` gives, if `signal` does not abort before. The work itself goes on then; what becomes of it nobody
 * hears.
 *
 * @throws {unknown} The signal's reason when it aborts, or what `work` throws.
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
