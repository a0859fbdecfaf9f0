/**
 * The program of the laboratory: runs the command that its first argument names.
 *
 * @module
 */
import { type Program, runProgram, UsageError } from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { labAttackProgram, runLabAttack } from "./attack_program.ts";
import { labDamageProgram, runLabDamage } from "./damage_program.ts";
import { labFailoverProgram, runLabFailover } from "./failover_program.ts";
import { labFuzzProgram, runFuzz } from "./fuzz_program.ts";
import { labFlapProgram, runLabFlap } from "./flap_program.ts";
import { labProxyProgram, runLabProxy } from "./proxy_program.ts";
import { labRunProgram, runLabRun } from "./run_program.ts";
import { labReplayProgram, labSimProgram, runReplay, runSim } from "./sim/sim_program.ts";
import { labScaleProgram, runLabScale } from "./scale_program.ts";
import { labSoakProgram, runLabSoak } from "./soak_program.ts";
import { labRoutesProgram, runLabRoutes } from "./sim/routes_program.ts";

const program = {
  name: "netlab lab",
  summary:
    "A laboratory for networks of servers. Runs them under load or simulates them, breaks them, and shows " +
    "whether they kept their guarantees. Also makes any TCP connection worse. Each command has its own " +
    "--help.",
  version: config.version,
  usage: "deno task lab COMMAND [options]",
  options: {},
  examples: [
    {
      command: "deno task lab run",
      what: "Run servers under load, and show whether they kept their guarantees",
    },
    {
      command: "deno task lab sim --seeds 100",
      what: "Simulate a hundred networks, each with different faults",
    },
    {
      command: "deno task lab replay --seed 42",
      what: "Repeat one of these runs in detail",
    },
    {
      command: "deno task lab failover",
      what: "Measure how soon a thousand users of a killed server are on another",
    },
    {
      command: "deno task lab routes",
      what: "Show a detour that is faster than the direct link",
    },
    {
      command: "deno task lab flap",
      what: "Compare rules for moving to a faster server",
    },
    {
      command: "deno task lab scale --servers 5,10,20 --users 1000",
      what: "Simulate networks that grow, and show what that costs each server",
    },
    {
      command: "deno task lab fuzz",
      what: "Send damaged frames to servers and clients, and show what they break",
    },
    {
      command: "deno task lab attack",
      what: "Attack servers and clients, and show what honest users notice",
    },
    {
      command: "deno task lab soak",
      what: "Load, break and attack servers for an hour, and show whether they keep memory",
    },
    {
      command: "deno task lab damage",
      what: "Damage stored messages, and show what servers make of them",
    },
    {
      command: "deno task lab proxy 5001 --latency 100",
      what: "Make the connections to a server slow",
    },
  ],
} as const satisfies Program;

const COMMANDS =
  "run, failover, sim, replay, routes, flap, scale, fuzz, attack, soak, damage or proxy";

if (import.meta.main) {
  const [command = "", ...args] = Deno.args;
  if (command === "run") await runProgram(labRunProgram, runLabRun, args);
  if (command === "sim") await runProgram(labSimProgram, runSim, args);
  if (command === "replay") await runProgram(labReplayProgram, runReplay, args);
  if (command === "failover") await runProgram(labFailoverProgram, runLabFailover, args);
  if (command === "flap") await runProgram(labFlapProgram, runLabFlap, args);
  if (command === "fuzz") await runProgram(labFuzzProgram, runFuzz, args);
  if (command === "attack") await runProgram(labAttackProgram, runLabAttack, args);
  if (command === "soak") await runProgram(labSoakProgram, runLabSoak, args);
  if (command === "damage") await runProgram(labDamageProgram, runLabDamage, args);
  if (command === "scale") await runProgram(labScaleProgram, runLabScale, args);
  if (command === "routes") await runProgram(labRoutesProgram, runLabRoutes, args);
  if (command === "proxy") await runProgram(labProxyProgram, runLabProxy, args);
  const isOption = command.startsWith("-");
  await runProgram(program, () => {
    throw new UsageError(
      command === ""
        ? `Name a command: ${COMMANDS}`
        : `Unknown command ${command}: it must be ${COMMANDS}`,
    );
  }, isOption ? Deno.args : []);
}
