/**
 * `lab damage`: options and output. `damage/` does the work.
 *
 * @module
 */
import { green, Live, type OptionValues, print, type Program, red } from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { count } from "../checker/report.ts";
import { type DamageResult, StoreDamage } from "../damage/mod.ts";

/** Where the folders are made that are damaged. They are removed in the end. */
const FOLDER = "data";
/** How many places with faults are described. */
const MAX_SHOWN = 10;

/** The name, options and help of `lab damage`. */
export const labDamageProgram = {
  name: "netlab lab damage",
  summary:
    "Damages the files of a server that stores messages, one place at a time, and starts a server with them. " +
    "Shows whether it reported what is lost and delivered the rest once. Exit code 0: it did; 1: it did not.",
  version: config.version,
  usage: "deno task lab damage [options]",
  options: {
    places: { kind: "integer", min: 1, default: 100, help: "The number of places." },
    from: { kind: "integer", default: 1, help: "The number of the first place." },
  },
  examples: [
    { command: "deno task lab damage --places 2000", what: "Damage two thousand places" },
    { command: "deno task lab damage --from 1234 --places 1", what: "Repeat one place" },
  ],
} as const satisfies Program;

/**
 * Runs `lab damage`.
 *
 * @returns The exit code: 1 if a server lost something silently, or delivered something wrong.
 */
export async function runLabDamage(
  { places, from }: OptionValues<typeof labDamageProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  Deno.mkdirSync(FOLDER, { recursive: true });
  const folder = Deno.makeTempDirSync({ dir: FOLDER, prefix: "damage-" });
  const results: DamageResult[] = [];
  try {
    const damage = await StoreDamage.prepare(folder);
    using live = new Live(() => [`${results.length} of ${places} places`]);
    await damage.places(from, places, (result) => {
      results.push(result);
      const [fault] = result.faults;
      if (fault !== undefined) live.print(red(`place ${result.seed}: ${fault}`));
    }, stop);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  report(results);
  return results.some(({ faults }) => faults.length > 0) ? 1 : stop.aborted ? 2 : 0;
}

function report(results: readonly DamageResult[]): void {
  const files = Map.groupBy(results, ({ damage }) => damage.file);
  const byFile = [...files].map(([file, { length }]) => `${count(length)} in ${file}`);
  const sum = (of: (result: DamageResult) => number) =>
    count(results.reduce((sum, result) => sum + of(result), 0));
  const reporting = results.filter(({ reports }) => reports.length > 0);
  print(`${count(results.length)} places: ${byFile.join(", ")}`);
  print(
    `${sum(({ lost }) => lost)} of ${sum(({ waiting }) => waiting)} messages were not delivered; ` +
      `${count(reporting.length)} of the servers reported damage`,
  );
  const faulty = results.filter(({ faults }) => faults.length > 0);
  for (
    const { seed, ending, damage: { file, kind, start, end }, faults, reports } of faulty.slice(
      0,
      MAX_SHOWN,
    )
  ) {
    print(
      red(
        `place ${seed}: ${kind}, bytes ${start} to ${end} of ${file} of a server that was ${ending}`,
      ),
    );
    for (const line of [...faults.slice(0, MAX_SHOWN), ...reports]) print(`  ${line}`);
  }
  if (faulty.length === 0) {
    print(green("Every server reported what was lost, and delivered everything else once."));
  } else print(red(`${count(faulty.length)} places with faults`));
}
