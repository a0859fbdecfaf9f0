/**
 * Replays a latency trace through a policy, with the code that clients use to choose a server.
 *
 * @module
 */
import { Chooser, createPolicy, type PolicyName } from "@netlab/rtt";
import { seeded } from "../random.ts";
import type { Trace } from "./trace.ts";

/** How a policy did on a trace. */
export interface Replay {
  /** The name of the policy. */
  readonly policy: PolicyName;
  /** How often the policy moved to another server, for any reason. */
  readonly moves: number;
  /** How much longer a message took on average than with the best server of each round: milliseconds. */
  readonly regretMs: number;
  /** The number of the server in use, for each round. -1 if there was none. */
  readonly used: readonly number[];
  /** The decisions that changed something, each with the number of its round and an explanation. */
  readonly decisions: readonly { readonly round: number; readonly line: string }[];
}

/**
 * Replays a trace through a policy. A decision in one round takes effect on the latency of the next round.
 *
 * @param seed The seed of the random decisions of the policy.
 */
export function replay(trace: Trace, policy: PolicyName, seed: number): Replay {
  const { servers, rounds } = trace;
  const chooser = new Chooser(createPolicy(policy, {}, seeded(seed, 7)));
  const used: number[] = [];
  const decisions: { round: number; line: string }[] = [];
  let moves = 0;
  let regret = 0;
  let paid = 0;
  let at = -1;
  for (const [round, { at: now, times, more, levels = times }] of rounds.entries()) {
    for (const { server } of [...chooser.begin(), ...chooser.learn(servers)]) {
      const index = servers.indexOf(server);
      const ms = times[index]!;
      if (ms === null) chooser.failed(server, "it is down");
      else chooser.answered(server, [ms, ...more?.[index] ?? []]);
    }
    const before = at;
    const { kind, server, line } = chooser.decide(now);
    if (kind !== "kept") decisions.push({ round, line });
    if (kind === "moved" || kind === "left") moves++;
    if (server !== undefined) chooser.use(server);
    at = server === undefined ? -1 : servers.indexOf(server);
    used.push(at);
    // A client leaves a server that fails at once, and has the latency of the next server from then on.
    const price = levels[before] ?? levels[at];
    if (round > 0 && price !== null && price !== undefined) {
      regret += price - Math.min(...levels.filter((ms) => ms !== null));
      paid++;
    }
  }
  return { policy, moves, regretMs: paid === 0 ? 0 : regret / paid, used, decisions };
}
