/**
 * A worker that plants one bug in the modules that it loads, and then simulates seeds until one breaks a guarantee.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { type Bug, plant } from "./bugs.ts";

/** What the worker does. */
export interface BugTask {
  /** The bug; `undefined` to plant none. */
  readonly bug: Bug | undefined;
  /** The seeds, in the order in which they are tried. */
  readonly seeds: readonly number[];
}

/** What it found. */
export interface BugResult {
  /** The first seed that broke a guarantee; `undefined` if none did. */
  readonly seed: number | undefined;
  /** What was broken, in one line. */
  readonly finding: string;
}

const ROOT = new URL("../../../", import.meta.url).href;

self.onmessage = async ({ data: { bug, seeds } }: MessageEvent<BugTask>) => {
  let planted = bug === undefined;
  if (bug) {
    registerHooks({
      load(url, context, next) {
        const module = next(url, context);
        if (url !== ROOT + bug.file) return module;
        planted = true;
        const source = plant(bug, Deno.readTextFileSync(new URL(url)));
        return { ...module, source: stripTypeScriptTypes(source, { mode: "transform" }) };
      },
    });
  }
  const { makePlan, simulate } = await import("@netlab/lab/simulator");
  if (!planted) throw new Error(`${bug!.file} was not loaded`);
  for (const seed of seeds) {
    const finding = run(() => simulate(makePlan(seed)));
    if (finding) return self.postMessage({ seed, finding } satisfies BugResult);
  }
  self.postMessage({ seed: undefined, finding: "" } satisfies BugResult);
};

/** Returns what a run broke, in one line; empty if nothing. */
function run(simulate: () => ReturnType<typeof import("@netlab/lab/simulator").simulate>): string {
  try {
    const { findings, disagreements, exitCode } = simulate();
    if (exitCode === 0) return "";
    const { lost, duplicated, unexpected, outOfOrder, posts, doubts } = findings;
    const counts = Object.entries({
      lost,
      duplicated,
      unexpected,
      "out of order": outOfOrder,
      "posts lost": posts.lost,
      "posts duplicated": posts.duplicated,
      "posts out of order": posts.outOfOrder,
    }).filter(([, { length }]) => length > 0).map(([what, { length }]) => `${length} ${what}`);
    return [...counts, ...disagreements.slice(0, 1), ...exitCode === 2 ? doubts : []].join("; ");
  } catch (error) {
    return `an assertion failed: ${(error as Error).message}`;
  }
}
