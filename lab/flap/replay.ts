/**
 * Replays a latency trace through a policy, with the code that clients choose by: how often it moves, and
 * what it loses against always having the best server. Pure.
 *
 * @module
 */
import { Chooser, createPolicy, type PolicyName } from "@netlab/rtt";
import { seeded } from "../random.ts";
import type { Trace } from "./trace.ts";

/** What a policy made of a trace. */
export interface Replay {
  /** The policy. */
  readonly policy: PolicyName;
  /** How often it moved, for whatever reason. */
  readonly moves: number;
  /** How many milliseconds a message lost, on average, against always having the best server. */
  readonly regretMs: number;
  /** The server in use in each round, by its number. */
  readonly used: readonly number[];
  /** What it decided, each line with its round, without what it kept. */
  readonly decisions: readonly { readonly round: number; readonly line: string }[];
}

/** Replays it. What is decided in a round is paid for by the levels of the next one. */
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
      if (ms === null) chooser.failed(server, "it is away");
      else chooser.answered(server, [ms, ...more?.[index] ?? []]);
    }
    const before = at;
    const { kind, server, line } = chooser.decide(now);
    if (kind !== "kept") decisions.push({ round, line });
    if (kind === "moved" || kind === "left") moves++;
    if (server !== undefined) chooser.use(server);
    at = server === undefined ? -1 : servers.indexOf(server);
    used.push(at);
    // A server that goes away is left at once: from then on, the next one is paid for.
    const price = levels[before] ?? levels[at];
    if (round > 0 && price !== null && price !== undefined) {
      regret += price - Math.min(...levels.filter((ms) => ms !== null));
      paid++;
    }
  }
  return { policy, moves, regretMs: paid === 0 ? 0 : regret / paid, used, decisions };
}
