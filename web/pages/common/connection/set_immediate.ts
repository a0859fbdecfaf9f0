/**
 * Gives the browser `setImmediate`, which the connection uses to let other events have their turn. Import it before
 * anything that uses connections.
 *
 * @module
 */

const waiting: (() => void)[] = [];
const { port1, port2 } = new MessageChannel();
port1.onmessage = () => waiting.shift()?.();

/** Calls `run` once, after other events were handled. A timer would wait for milliseconds. */
function later(run: () => void): void {
  waiting.push(run);
  port2.postMessage(undefined);
}

(globalThis as { setImmediate?: unknown }).setImmediate ??= later;
