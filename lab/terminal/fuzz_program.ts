/**
 * `lab fuzz`: options and output. `fuzz/` does the work.
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
  UsageError,
} from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { count } from "../checker/report.ts";
import { type Finding, formatInputs, fuzzTargets } from "../fuzz/mod.ts";
import { randomSeed } from "../random.ts";

/** Where the inputs of findings are written. */
const FOLDER = "data/fuzz";
const NAMES = [...fuzzTargets.keys()];

/** The name, options and help of `lab fuzz`. */
export const labFuzzProgram = {
  name: "netlab lab fuzz",
  summary:
    "Sends correct, damaged and random frames to the codec, to servers and to clients, and shows what they " +
    "break. Exit code 0: nothing broke; 1: something did.",
  version: config.version,
  usage: "deno task fuzz [options]",
  options: {
    seconds: { kind: "seconds", default: 60, help: "How long to run, all targets together." },
    target: {
      kind: "string",
      value: "NAME",
      help: `Fuzz only this target: ${NAMES.join(", ")}.`,
    },
    seed: {
      kind: "integer",
      help: "The seed of the first round; the next rounds count up. Default: a random one, shown.",
    },
  },
  examples: [
    { command: "deno task fuzz --seconds 60", what: "Fuzz everything for a minute" },
    { command: "deno task fuzz --target core --seed 42 --seconds 1", what: "Repeat one round" },
  ],
} as const satisfies Program;

/**
 * Runs `lab fuzz`.
 *
 * @returns The exit code: 1 if something broke.
 * @throws {UsageError} When there is no such target.
 * @throws {unknown} The reason of `stop` when it aborts.
 */
export async function runFuzz(
  { seconds, target, seed = randomSeed() }: OptionValues<typeof labFuzzProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  if (target !== undefined && !fuzzTargets.has(target)) {
    throw new UsageError(`Option --target: ${target} is none of ${NAMES.join(", ")}`);
  }
  const names = target === undefined ? NAMES : [target];
  print(dim(`seed ${seed}`));
  const end = performance.now() + 1_000 * seconds;
  let broken = 0;
  for (const [index, name] of names.entries()) {
    const left = Math.max(0, end - performance.now());
    const until = performance.now() + left / (names.length - index);
    const { frames, findings } = await fuzz(name, seed, until, stop);
    const verdict = findings.length === 0
      ? green("nothing broke")
      : red(`${count(findings.length)} findings`);
    print(`${name.padEnd(14)} ${frames.toLocaleString("en").padStart(12)} frames  ${verdict}`);
    for (const finding of findings) report(name, finding);
    broken += findings.length;
  }
  return broken === 0 ? 0 : 1;
}

/** Runs rounds of one target until the time is over or something breaks. */
async function fuzz(
  name: string,
  seed: number,
  until: number,
  stop: AbortSignal,
): Promise<{ frames: number; findings: (Finding & { seed: number })[] }> {
  await using target = fuzzTargets.get(name)!();
  let frames = 0;
  do {
    stop.throwIfAborted();
    const round = await target.round(seed, stop);
    frames += round.frames;
    if (round.findings.length > 0) {
      return { frames, findings: round.findings.map((finding) => ({ ...finding, seed })) };
    }
    seed++;
    // Most rounds in this process never wait, and signals arrive only between them.
    await new Promise<void>((resolve) => void setTimeout(resolve, 0));
  } while (performance.now() < until);
  return { frames, findings: [] };
}

function report(name: string, { what, inputs, seed }: Finding & { seed: number }): void {
  print(`  ${what}`);
  print(`  repeat it: deno task fuzz --target ${name} --seed ${seed} --seconds 1`);
  if (!inputs) return;
  Deno.mkdirSync(FOLDER, { recursive: true });
  const file = `${FOLDER}/${name}-${seed}.txt`;
  Deno.writeTextFileSync(file, formatInputs(inputs));
  print(`  what was sent: ${file}`);
}
