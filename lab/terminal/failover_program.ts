/**
 * `lab failover`: how long the users of a server that goes away are without one, and how they spread
 * over the others. Owns the options and the words; the measuring is in `failover.ts`.
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
  unlessAborted,
} from "@netlab/terminal";
import config from "../deno.json" with { type: "json" };
import { Cluster } from "../cluster/cluster.ts";
import { measureFailover } from "../scenarios/failover.ts";
import { count, formatMs } from "../checker/report.ts";
import { SYSTEM_OPTION, systemOf } from "./system_option.ts";

/** How long users are waited for: milliseconds. */
const DEADLINE_MS = 20_000;
/** With fewer users for each server, chance alone may give one of them twice as many. */
const MIN_SHARE = 20;

/** What `lab failover` is. */
export const labFailoverProgram = {
  name: "netlab lab failover",
  summary:
    "Puts users on one of several servers, crashes that one (kill -9) or lets it leave in good " +
    "order, and says how soon they are on another and how they spread. Exit code 0: all are, and no " +
    "server has got more than twice its share; 1: not so.",
  version: config.version,
  usage: "deno task lab failover [options]",
  options: {
    servers: { kind: "integer", default: 5, min: 2, max: 25, help: "How many servers." },
    clients: { kind: "integer", default: 1_000, min: 1, help: "How many users." },
    system: SYSTEM_OPTION,
    drain: { kind: "flag", help: "The server leaves in good order (SIGTERM)." },
    json: { kind: "flag", help: "Print the figures as a JSON object, and nothing else." },
  },
  examples: [
    { command: "deno task lab failover", what: "A thousand users lose their server at once" },
    { command: "deno task lab failover --clients 30 --drain", what: "Thirty are asked to move" },
  ],
} as const satisfies Program;

/** Runs it, unless `stop` aborts. */
export async function runLabFailover(
  { servers, clients, system: named, drain, json }: OptionValues<typeof labFailoverProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const system = systemOf(named);
  // Servers that are being started end with this process.
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
  if (json) print(JSON.stringify({ ...found, clients, system, drain }));
  else {
    const verdict = kept ? "All are on another server" : `${count(lost)} users have no server`;
    print(bold((kept ? green : red)(lost > 0 || kept ? verdict : "One server has got too many")));
    if (backMs) {
      const { p50, p90, p99, max } = backMs;
      const times = [p50, p90, p99, max].map(formatMs);
      print(`  back after p50 ${times[0]}, p90 ${times[1]}, p99 ${times[2]}, max ${times[3]}`);
    }
    print(`  users by server ${spread.map(count).join(", ")}; an equal share is ${count(share)}`);
  }
  return kept ? 0 : 1;
}
