/**
 * `lab ways`: real servers between which going round is faster than going straight. Owns what the
 * person sees; what happens is the triangle's.
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
import config from "../deno.json" with { type: "json" };
import { formatFindings } from "../checker/report.ts";
import { runDetour } from "../scenarios/detour.ts";

/** What `lab ways` is. */
export const labRoutesProgram = {
  name: "netlab lab ways",
  summary:
    "Three servers, between two of which going round by the third is faster than going straight. " +
    "Shows how long messages take and why, kills the one in the middle, and starts it again.",
  version: config.version,
  usage: "deno task lab ways",
  options: {},
  examples: [{ command: "deno task lab ways", what: "Some ten seconds" }],
} as const satisfies Program;

/**
 * Runs it, unless `stop` aborts: the servers end with this process then. 0 when all messages kept their
 * promises, else what the checker says.
 */
export async function runLabRoutes(
  _: OptionValues<typeof labRoutesProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const started = performance.now();
  const playing = runDetour((line) => {
    const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(5);
    print(`${dim(`${seconds}s`)}  ${line}`);
  });
  const { rerouteMs, findings } = await unlessAborted(playing, stop);
  const [verdict, ...lines] = formatFindings(findings);
  print();
  print((findings.exitCode === 0 ? green : red)(verdict!));
  for (const line of lines) print(line);
  print(`  the way changed ${rerouteMs.toFixed(0)} ms after the kill`);
  return findings.exitCode;
}
