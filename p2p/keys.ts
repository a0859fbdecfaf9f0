/**
 * The keys of a network and the tokens that they sign, and the program that creates them.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };

export { type Role, ROLES } from "./core/connection/grant.ts";
export {
  type Algorithm,
  ALGORITHMS,
  type JsonKey,
  type JsonKeySet,
} from "./server/tokens/key_set.ts";
export * from "./server/tokens/token_issuer.ts";

if (import.meta.main) {
  const { runKeysProgram } = await import("./terminal/keys_program.ts");
  await runKeysProgram(config.version);
}
