/**
 * The keys of a network and the tokens that they sign, and the program that creates them.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };

export type { Role } from "./core/connection/grant.ts";
export type { Algorithm, JsonKeySet } from "./server/tokens/key_set.ts";
export * from "./server/tokens/token_issuer.ts";
export type { JWK } from "jose";

if (import.meta.main) {
  const { runKeysProgram } = await import("./terminal/keys_program.ts");
  await runKeysProgram(config.version);
}
