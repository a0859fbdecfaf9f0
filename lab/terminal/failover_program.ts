/**
 * `lab failover`: options and output. `scenarios/failover.ts` does the work.
 *
 * @module
 */
import {
  bold,
  green,
  type OptionValues,
  print,
  type Program,
  red,
  toJson,
  unlessAborted,
} from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { Cluster } from "../cluster/cluster.ts";
import { measureFailover } from "../scenarios/failover.ts";
import { count, counted, formatLatency } from "../checker/report.ts";
import { SYSTEM_OPTION, systemOf } from "./shared_options.ts";

/** How long to wait for the users: milliseconds. */
const DEADLINE_MS = 20_000;
/** With fewer users per server, a server may get twice its share by chance. */
const MIN_SHARE = 20;

/** The name, options and help of `lab failover`. */
export const labFailoverProgram = {
  name: "netlab lab failover",
  summary:
    "Connects users to one of several servers, kills that server (kill -9) or shuts it down gracefully, " +
    "and shows how soon the users are on other servers and how they spread. Exit code 0: all users have a " +
    "server, and no server has more than twice its share; 1: otherwise.",
  version: config.version,
  usage: "deno task lab failover [options]",
  options: {
    servers: { kind: "integer", default: 5, min: 2, max: 25, help: "The number of servers." },
    clients: { kind: "integer", default: 1_000, min: 1, help: "The number of users." },
    system: SYSTEM_OPTION,
    drain: {
      kind: "flag",
      help: "Shut the server down gracefully (SIGTERM) instead of killing it.",
    },
    json: { kind: "flag", help: "Print only the figures, as a JSON object." },
  },
  examples: [
    { command: "deno task lab failover", what: "Kill the server of a thousand users" },
    {
      command: "deno task lab failover --clients 30 --drain",
      what: "Shut down the server of thirty users gracefully",
    },
  ],
} as const satisfies Program;

/**
 * Runs `lab failover`.
 *
 * @returns The exit code.
 * @throws {unknown} The reason of `stop` when it aborts.
 */
export async function runLabFailover(
  { servers, clients, system: named, drain, json }: OptionValues<typeof labFailoverProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const system = systemOf(named);
  // If this is interrupted, servers that are being started end with this process.
  const starting = Cluster.start({ servers, system, processes: true });
  await using cluster = await unlessAborted(starting, stop);
  await unlessAborted(cluster.linked(), stop);
  const how = drain ? "terminate" : "kill";
  const measuring = measureFailover(cluster, system, clients, how, DEADLINE_MS);
  const found = await unlessAborted(measuring, stop);
  const { backMs, lost, spread } = found;
  const share = clients / spread.length;
  const fair = share < MIN_SHARE || Math.max(...spread) <= 2 * share;
  const kept = lost === 0 && fair;
  if (json) print(toJson({ ...found, clients, system, drain }));
  else {
    const verdict = lost > 0
      ? `${counted(lost, "user")} left without a server`
      : fair
      ? "All users are on another server"
      : "One server has too many users";
    print(bold((kept ? green : red)(verdict)));
    if (backMs) print(`  back after ${formatLatency(backMs)}`);
    print(`  users by server: ${spread.map(count).join(", ")}; an equal share is ${count(share)}`);
  }
  return kept ? 0 : 1;
}
