/**
 * Reads from /proc what other processes use, and prints it as lines of JSON. A process of its own, because
 * Deno gives access to /proc only to programs with all permissions.
 *
 * @module
 */
import { print, toJson } from "@netlab/terminal";
import type { Resources } from "./resources.ts";

/** What the kernel counts processor time in: milliseconds. */
const CLOCK_TICK_MS = 10;

if (import.meta.main) {
  const [everyMs, ...pids] = Deno.args.map(Number);
  const look = () => {
    const at = performance.timeOrigin + performance.now();
    const found = pids.flatMap((pid) => resourcesOf(pid, at) ?? []);
    print(toJson(found));
  };
  look();
  setInterval(look, everyMs);
}

/** Reads what a process uses. `undefined` if it has ended. */
function resourcesOf(pid: number, at: number): Resources | undefined {
  try {
    const read = (file: string) => Deno.readTextFileSync(`/proc/${pid}/${file}`);
    const [, kilobytes] = /^RssAnon:\s*(\d+) kB$/m.exec(read("status")) ?? [];
    if (kilobytes === undefined) return undefined; // a zombie
    // The name of the program, in brackets, may contain spaces. The fields after it start with the third.
    const stat = read("stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const cpuMs = CLOCK_TICK_MS * (Number(fields[11]) + Number(fields[12]));
    const descriptors = [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
    return { pid, at, memoryBytes: 1_024 * Number(kilobytes), cpuMs, descriptors };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
