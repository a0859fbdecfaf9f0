/**
 * Bugs that are planted in servers and clients: the simulator notices each of them, and the documentation says in
 * which network.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { bugs, plant } from "./planted/bugs.ts";
import { generalise, PAGE, readTable, runBug, SEEDS } from "./planted/table.ts";
import { ignoreUnless } from "../permissions.ts";

const rows = ignoreUnless.read ? [] : readTable(Deno.readTextFileSync(PAGE));

Deno.test({
  name: "the table of planted bugs has all bugs, and seeds that were tried",
  ignore: ignoreUnless.read,
  fn() {
    const documented = rows.map(({ name, what, file }) => ({ name, what, file }));
    assertEquals(documented, bugs.map(({ name, what, file }) => ({ name, what, file })));
    assert(bugs.length >= 20);
    for (const { name, seed } of rows) assert(seed >= 1 && seed <= SEEDS, name);
  },
});

Deno.test({
  name: "the code that planted bugs change is where they look for it",
  ignore: ignoreUnless.read,
  fn() {
    for (const bug of bugs) plant(bug, Deno.readTextFileSync(bug.file));
  },
});

Deno.test({
  name: "simulated networks in which planted bugs are noticed keep every guarantee without them",
  ignore: ignoreUnless.read,
  async fn() {
    const seeds = [...new Set(rows.map(({ seed }) => seed))];
    assertEquals(await runBug({ bug: undefined, seeds }), { seed: undefined, finding: "" });
  },
});

for (const { name, seed, finding } of rows) {
  Deno.test({
    name: `simulator notices a planted bug: ${name}`,
    ignore: ignoreUnless.read,
    async fn() {
      const bug = bugs.find((bug) => bug.name === name);
      const { finding: found } = await runBug({ bug, seeds: [seed] });
      // Small changes of the code may change the numbers of what is found, and what is found as well.
      const isDocumented = generalise(found).split("; ").some((part) => finding.includes(part));
      assert(
        found !== "" && isDocumented,
        `the checker says "${found}"; deno task lab:bugs finds the networks again`,
      );
    },
  });
}
