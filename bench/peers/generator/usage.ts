/**
 * CPU time and memory of processes, as Linux tells them in `/proc`.
 *
 * @module
 */

/** The kernel counts CPU time in hundredths of a second for `/proc`, on every architecture. */
const TICKS_PER_SECOND = 100;

/** CPU time that processes have used: seconds. */
export function cpuSeconds(pids: readonly (number | "self")[]): number {
  let ticks = 0;
  for (const pid of pids) ticks += ticksIn(Deno.readTextFileSync(`/proc/${pid}/stat`));
  return ticks / TICKS_PER_SECOND;
}

/** User and system time in a line of `/proc/PID/stat`. The name in it may hold anything but `)`. */
export function ticksIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Resident memory of processes: bytes. */
export function residentBytes(pids: readonly number[]): number {
  let bytes = 0;
  for (const pid of pids) bytes += residentIn(Deno.readTextFileSync(`/proc/${pid}/status`));
  return bytes;
}

/** `VmRSS` in `/proc/PID/status`: bytes. */
export function residentIn(status: string): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1024;
}
