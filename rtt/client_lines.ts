/**
 * What the program around the rtt client says of servers and moves, and what its options come to.
 *
 * @module
 */
import { clip, dim, UsageError } from "@netlab/cli";
import type { RttOptionValues } from "./client_program.ts";
import { POLICY_NAMES, type PolicyName } from "./policy_names.ts";
import type { Round, RoundsOptions } from "./rounds.ts";
import { serverTable } from "./server_table.ts";

export { dim, UsageError };
export { watch } from "./watch_program.ts";

/**
 * What the options say of how a server is chosen.
 *
 * @throws {UsageError} When there is no such policy.
 */
export function choiceOf(values: RttOptionValues): RoundsOptions {
  const policy = POLICY_NAMES.find((name) => name === values.policy);
  if (policy === undefined) {
    throw new UsageError(
      `Option --policy: ${JSON.stringify(values.policy)} is none of ${POLICY_NAMES.join(", ")}`,
    );
  }
  const percent = values["min-gain-percent"];
  return {
    policy: policy satisfies PolicyName,
    minGainMs: values["min-gain"],
    ...percent !== undefined && { minGainShare: percent / 100 },
    roundMs: values.every * 1_000,
  };
}

/** What each server took at the start, and which is used. */
export function firstLines({ servers, decision }: Round): string[] {
  const lines = servers.map(({ server, times: { lowMs }, trouble }) =>
    lowMs === undefined
      ? `Server ${server}: no answer (${trouble})`
      : `Server ${server}: RTT ${(lowMs / 1_000).toFixed(6)} seconds`
  );
  return decision.kind === "none" ? lines : [...lines, decision.line];
}

/** The table of servers, and the last decision, in so many columns. */
export function view(round: Round, columns: number): string[] {
  const clock = dim(round.time.toTimeString().slice(0, 8));
  return [...serverTable(round, columns), `${clock}  ${round.decision.line}`]
    .map((line) => clip(line, columns - 1));
}
