/**
 * Finds for each planted bug the smallest simulated network that notices it, and writes the table in
 * `docs/simulation.md`. Exit code 1: some bug is not noticed.
 *
 * @module
 */
import { bugs, plant } from "./bugs.ts";
import {
  type BugRow,
  formatTable,
  generalise,
  PAGE,
  replaceTable,
  runBug,
  seedsBySize,
} from "./table.ts";

// deno-lint-ignore no-console -- a program
const print = (line: string) => console.log(line);

for (const bug of bugs) plant(bug, Deno.readTextFileSync(bug.file));
const seeds = seedsBySize();
const rows: BugRow[] = [];
for (const bug of bugs) {
  const { seed, finding } = await runBug({ bug, seeds });
  print(seed === undefined ? `NOT NOTICED  ${bug.name}` : `seed ${seed}  ${bug.name}: ${finding}`);
  if (seed === undefined) continue;
  const { name, what, file } = bug;
  rows.push({ name, what, file, seed, finding: generalise(finding) });
}
Deno.writeTextFileSync(PAGE, replaceTable(Deno.readTextFileSync(PAGE), formatTable(rows)));
if (rows.length < bugs.length) Deno.exit(1);
