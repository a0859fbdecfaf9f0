/**
 * The memory of servers: resident memory as Linux reports it, and the heap as the inspector of a server
 * started with `--inspect` reports it.
 *
 * @see {@link https://chromedevtools.github.io/devtools-protocol/v8/}
 * @module
 */
/** Resident memory of processes: bytes. */
export function residentBytes(pids: readonly number[]): number {
  let bytes = 0;
  for (const pid of pids) bytes += residentIn(Deno.readTextFileSync(`/proc/${pid}/status`));
  return bytes;
}

/** `VmRSS` in the text of `/proc/PID/status`: bytes. */
export function residentIn(status: string): number {
  // The name of the process is in that file as well, and may contain anything.
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1024;
}

/** Heap and array buffers in use after a garbage collection: bytes. */
export async function heapBytes(address: string): Promise<number> {
  const socket = new WebSocket(address);
  try {
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error(`Cannot reach the inspector at ${address}`));
    });
    await call(socket, "HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize = 0 } = await call(socket, "Runtime.getHeapUsage");
    return usedSize! + backingStorageSize;
  } finally {
    socket.close();
  }
}

async function call(socket: WebSocket, method: string): Promise<Record<string, number>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, number>>();
  socket.onmessage = ({ data }) => {
    const { id, error, result } = JSON.parse(data);
    if (id !== method.length) return;
    if (error) reject(new Error(`The inspector refused ${method}: ${error.message}`));
    else resolve(result);
  };
  socket.onclose = () => reject(new Error("The inspector closed the connection"));
  // The lengths of the two methods differ, which makes them ids.
  socket.send(JSON.stringify({ id: method.length, method }));
  return await promise;
}
