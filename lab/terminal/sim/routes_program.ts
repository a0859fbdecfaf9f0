/**
 * `lab routes`: options and output. `scenarios/detour.ts` does the work.
 *
 * @module
 */
import {
  dim,
  green,
  type OptionValues,
  print,
  type Program,
  red,
  unlessAborted,
} from "@netlab/terminal";
import config from "../../deno.json" with { type: "json" };
import { formatFindings } from "../../checker/report.ts";
import { runDetour } from "../../scenarios/detour.ts";

/** The name, options and help of `lab routes`. */
export const labRoutesProgram = {
  name: "netlab lab routes",
  summary:
    "Runs three servers. Between two of them, the detour over the third is faster than the direct link. " +
    "Shows how long messages take and why, kills the server in the middle, and starts it again.",
  version: config.version,
  usage: "deno task lab routes",
  options: {},
  examples: [{
    command: "deno task lab routes",
    what: "Run the scenario, which takes about ten seconds",
  }],
} as const satisfies Program;

/**
 * Runs `lab routes`.
 *
 * @returns The exit code of the checker.
 * @throws {unknown} The reason of `stop` when it aborts. The servers then end with this process.
 */
export async function runLabRoutes(
  _: OptionValues<typeof labRoutesProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const started = performance.now();
  const running = runDetour((line) => {
    const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(5);
    print(`${dim(`${seconds}s`)}  ${line}`);
  });
  const { rerouteMs, findings } = await unlessAborted(running, stop);
  const [verdict, ...lines] = formatFindings(findings);
  print();
  print((findings.exitCode === 0 ? green : red)(verdict!));
  for (const line of lines) print(line);
  print(`  the route changed ${rerouteMs.toFixed(0)} ms after the kill`);
  return findings.exitCode;
}
