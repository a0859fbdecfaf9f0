import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "@netlab/protocol";
import { type Limit, LIMITS } from "@netlab/p2p/core";
import { withDefaults } from "../../p2p/core/server_limits.ts";
import { limitOptions, limitsOf } from "../../p2p/terminal/limit_options.ts";
import { Process } from "../processes.ts";
import { processTest } from "./network.ts";
import { SERVER } from "./programs.ts";

const PAGE = new URL("../../docs/limits.md", import.meta.url);

/** The row of a limit on the page. */
function row({ what, default: most, unit, flag, code, beyond }: Limit): string[] {
  const name = Object.entries(ErrorCode).find(([, value]) => value === code)?.[0];
  return [
    what,
    `${most.toLocaleString("en")} ${unit}`,
    flag === undefined ? "" : `\`--${flag}\``,
    name === undefined ? "" : `\`${name}\` (${code})`,
    beyond,
  ];
}

Deno.test({
  name: "docs/limits.md shows every limit as the code has it",
  ignore: (await Deno.permissions.query({ name: "read", path: PAGE })).state !== "granted",
  fn: async () => {
    const rows = (await Deno.readTextFile(PAGE)).split("\n")
      .filter((line) => line.startsWith("| "))
      .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
    assertEquals(
      rows.filter(([what]) => !/^(what|-+)$/.test(what!)),
      Object.values(LIMITS).map(row),
    );
  },
});

Deno.test("the options of a server set the limits, and their defaults are those of the library", () => {
  const defaults = Object.fromEntries(
    Object.entries(limitOptions).map(([flag, option]) => [flag, option.default]),
  ) as Parameters<typeof limitsOf>[0];
  assertEquals(limitsOf(defaults), withDefaults({}));
  for (const flag of Object.keys(limitOptions) as (keyof typeof limitOptions)[]) {
    const changed = limitsOf({ ...defaults, [flag]: 3 });
    const differing = Object.values(changed).filter((value) =>
      value === 3 || value === 3 * 86_400_000
    );
    assertEquals(differing.length, 1, flag);
  }
});

processTest("p2p server program shows every flag for a limit, with its default", async () => {
  const { stdout } = await Process.run(SERVER, ["--help"], { permissions: [] });
  const help = stdout.join(" ").replaceAll(/\s+/g, " ");
  for (const { flag, what, default: most } of Object.values<Limit>(LIMITS)) {
    if (flag === undefined) continue;
    assert(help.includes(`--${flag} N`), flag);
    assertStringIncludes(help, `${what}, at most. Default: ${most}.`);
  }
});
