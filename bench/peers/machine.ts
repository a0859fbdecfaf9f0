/**
 * Where it is measured: what a reader needs in order to compare figures with those of another machine.
 *
 * @module
 */
import { cpus } from "node:os";
import type { Machine } from "./report.ts";

/** This machine. */
export function machine(pinned: boolean): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${Deno.osRelease()}`,
    deno: Deno.version.deno,
    pinned,
    load: Deno.loadavg()[0]!,
  };
}
