/**
 * `lab attack` on a server that is easy to attack. Tests that the verdict can fail.
 *
 * @module
 */
import { runProgram } from "@netlab/terminal";
import { labAttackProgram, runLabAttack } from "@netlab/lab/attack-program";

const server = import.meta.resolve("./weak_server.ts");
await runProgram(labAttackProgram, (options, stop) => runLabAttack(options, stop, server));
