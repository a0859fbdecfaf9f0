/**
 * The heap of a server that was started with `--inspect`, as its own runtime counts it. Knows only the
 * two questions of the inspector's protocol that this takes.
 *
 * @see {@link https://chromedevtools.github.io/devtools-protocol/v8/}
 * @module
 */

/** Heap and array buffers in use after a garbage collection: bytes. */
export async function heapBytes(address: string): Promise<number> {
  const socket = new WebSocket(address);
  try {
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error(`Cannot reach the inspector at ${address}`));
    });
    await ask(socket, 1, "HeapProfiler.collectGarbage");
    const usage = await ask(socket, 2, "Runtime.getHeapUsage") as {
      usedSize: number;
      backingStorageSize?: number;
    };
    return usage.usedSize + (usage.backingStorageSize ?? 0);
  } finally {
    socket.close();
  }
}

async function ask(socket: WebSocket, id: number, method: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  socket.onmessage = ({ data }) => {
    const answer = JSON.parse(data);
    if (answer.id !== id) return;
    if (answer.error) reject(new Error(`The inspector refused ${method}: ${answer.error.message}`));
    else resolve(answer.result);
  };
  socket.onclose = () => reject(new Error("The inspector ended the connection"));
  socket.send(JSON.stringify({ id, method }));
  return await promise;
}
