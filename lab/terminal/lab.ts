/**
 * The program of the laboratory: which command it is, and what all of them share. Owns no command
 * itself.
 *
 * @module
 */
import { type Program, runProgram, UsageError } from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { labFailoverProgram, runLabFailover } from "./failover_program.ts";
import { labFlapProgram, runLabFlap } from "./flap_program.ts";
import { labProxyProgram, runLabProxy } from "./proxy_program.ts";
import { labRunProgram, runLabRun } from "./run_program.ts";
import { labReplayProgram, labSimProgram, runReplay, runSim } from "./sim_program.ts";
import { labRoutesProgram, runLabRoutes } from "./routes_program.ts";

const program = {
  name: "netlab lab",
  summary:
    "A laboratory for networks of servers: run them under load or simulate them, break them, and " +
    "see whether they kept their promises; or make any TCP connection worse. Each command has a " +
    "--help of its own.",
  version: config.version,
  usage: "deno task lab COMMAND [options]",
  options: {},
  examples: [
    {
      command: "deno task lab run",
      what: "Servers under load, with a verdict at the end",
    },
    {
      command: "deno task lab sim --seeds 100",
      what: "A hundred simulated networks, each with another fate",
    },
    {
      command: "deno task lab replay --seed 42",
      what: "One of them again, to look at closely",
    },
    {
      command: "deno task lab failover",
      what: "A thousand users lose their server: how soon each is on another",
    },
    {
      command: "deno task lab ways",
      what: "A way round that is faster than the straight one",
    },
    {
      command: "deno task lab flap",
      what: "When to move to a faster server: netlab's way beside others",
    },
    {
      command: "deno task lab proxy 5001 --latency 100",
      what: "A slow way to a server",
    },
  ],
} as const satisfies Program;

if (import.meta.main) {
  const [command = "", ...args] = Deno.args;
  if (command === "run") await runProgram(labRunProgram, runLabRun, args);
  if (command === "sim") await runProgram(labSimProgram, runSim, args);
  if (command === "replay") await runProgram(labReplayProgram, runReplay, args);
  if (command === "failover") await runProgram(labFailoverProgram, runLabFailover, args);
  if (command === "flap") await runProgram(labFlapProgram, runLabFlap, args);
  if (command === "ways") await runProgram(labRoutesProgram, runLabRoutes, args);
  if (command === "proxy") await runProgram(labProxyProgram, runLabProxy, args);
  const isOption = command.startsWith("-");
  await runProgram(program, () => {
    throw new UsageError(
      command === ""
        ? "Say which command: run, failover, sim, replay, ways, flap or proxy"
        : `Unknown command ${command}: run, failover, sim, replay, ways, flap or proxy`,
    );
  }, isOption ? Deno.args : []);
}
