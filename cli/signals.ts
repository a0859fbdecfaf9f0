/**
 * How a program is asked to stop: ctrl-C, or a signal from another program. Owns the handlers and
 * what a second signal does; what stopping means is for the program to know.
 *
 * @module
 */

/** A request to stop, and the handlers that wait for it. */
export interface StopRequest extends Disposable {
  /** Aborts when the first signal comes. */
  readonly signal: AbortSignal;
}

/**
 * Signals that come so close together are one request: ctrl-C under `deno task` reaches a program twice,
 * from the terminal and from the task runner. Milliseconds.
 */
const TOGETHER_MS = 200;

/** The signals that ask a program to stop, with the exit codes that shells give them. */
const STOP_SIGNALS: Partial<Record<Deno.Signal, number>> = Deno.build.os === "windows"
  ? { SIGINT: 130, SIGBREAK: 149 }
  : { SIGINT: 130, SIGTERM: 143 };

/**
 * Waits for SIGINT or SIGTERM (on Windows: SIGINT or SIGBREAK). The first one aborts the signal, so
 * that the program can end in good order; a second one ends it at once, with exit code 130 or 143.
 * Disposing removes the handlers.
 */
export function listenForStop(): StopRequest {
  const controller = new AbortController();
  let firstAt = 0;
  const handlers = Object.entries(STOP_SIGNALS).map(([name, exitCode]) => {
    const handler = () => {
      if (!controller.signal.aborted) {
        firstAt = performance.now();
        controller.abort();
      } else if (performance.now() - firstAt >= TOGETHER_MS) Deno.exit(exitCode);
    };
    Deno.addSignalListener(name as Deno.Signal, handler);
    return () => Deno.removeSignalListener(name as Deno.Signal, handler);
  });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => handlers.splice(0).forEach((remove) => remove()),
  };
}

/** Resolves when `signal` aborts; at once when it has. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
