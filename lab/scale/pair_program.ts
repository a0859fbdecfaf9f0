/**
 * Simulates one network in a process of its own, and prints the result as one line of JSON. It is started with
 * `--v8-flags=--expose-gc`. Its argument is a `ScalePlan` as JSON.
 *
 * @module
 */
import { print, toJson } from "@netlab/terminal";
import { simulateScale } from "./simulate_scale.ts";

if (import.meta.main) {
  const { gc } = globalThis as unknown as { gc(): void };
  const memory = () => {
    gc();
    gc();
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  print(toJson(simulateScale(JSON.parse(Deno.args[0]!), memory)));
}
