/**
 * The program that watches a network.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };

if (import.meta.main) {
  const { runTopProgram } = await import("./terminal/top/top_program.ts");
  await runTopProgram(config.version);
}
