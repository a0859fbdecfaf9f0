/**
 * Lets a server of a soak collect its garbage again and again. What has not been collected yet varies by many
 * MiB from round to round, and would hide what a server really keeps.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How often a server collects its garbage: milliseconds. It does so at least twice while everything rests. */
const EVERY_MS = 4_000;

/** Collects the garbage of this process every four seconds. */
export function collectOften(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  Deno.unrefTimer(setInterval(collect, EVERY_MS));
}
