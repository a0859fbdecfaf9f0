/**
 * Memory of processes, as Linux tells it in `/proc`.
 *
 * @module
 */

/** Resident memory of processes: bytes. */
export function residentBytes(pids: readonly number[]): number {
  let bytes = 0;
  for (const pid of pids) bytes += residentIn(Deno.readTextFileSync(`/proc/${pid}/status`));
  return bytes;
}

/** `VmRSS` in `/proc/PID/status`: bytes. The name of the process in it may hold anything. */
export function residentIn(status: string): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1024;
}
