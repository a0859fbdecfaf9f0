/**
 * Attacks on real servers and clients, and what honest users notice of them: {@linkcode SCENARIOS},
 * {@linkcode runScenario} and {@linkcode failuresOf}.
 *
 * @module
 */
export type { AttackUse } from "./attacker.ts";
export type { AttackName } from "./attacks/mod.ts";
export type { HonestEnd } from "./honest_users.ts";
export * from "./run_scenario.ts";
export * from "./scenarios.ts";
export type { AttackedSystem } from "./target.ts";
export * from "./verdict.ts";
