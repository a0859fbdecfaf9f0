/**
 * What the program around the rtt client says of servers and moves, and what its options come to.
 *
 * @module
 */
import { clip, dim, UsageError } from "@netlab/terminal";
import type { RttOptionValues } from "./client_program.ts";
import { POLICY_NAMES, type PolicyName } from "../core/policies.ts";
import { whyNot } from "../client/prober.ts";
import type { Round, RoundsOptions } from "../client/rounds.ts";
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

/** What each server took at the start; and what decided, if it was not the time alone. */
export function firstLines({ servers, decision }: Round): string[] {
  const lines = servers.map(({ server, times: { lowMs }, trouble }) =>
    lowMs === undefined
      ? `Server ${server}: not measured (${trouble})`
      : `Server ${server}: RTT ${formatSeconds(lowMs)} seconds`
  );
  return decision.tie ? [...lines, decision.because] : lines;
}

/** The server that was connected to at the start, which is the best of those that could be. */
export function bestLines({ servers, decision }: Round, connected: string): string[] {
  const lines = decision.server === connected ? [] : [noConnection(decision.server)];
  const lowMs = servers.find(({ server }) => server === connected)?.times.lowMs;
  const time = lowMs === undefined ? "" : ` with RTT ${formatSeconds(lowMs)} seconds`;
  return [...lines, `Best server: ${connected}${time}`];
}

/** What came of the decision of a later round, now that the client is connected to that server. */
export function arrivedLines({ decision }: Round, connected: string): string[] {
  if (decision.server === connected) return [decision.line];
  return decision.kind === "moved" ? [] : [noConnection(decision.server)];
}

/** Why the client stays where it is, although it was to move. */
export function stayedLine(server: string, reason: unknown): string {
  return `Cannot move to ${server}: ${whyNot(reason)}`;
}

function noConnection(server: string | undefined): string {
  return `Cannot connect to ${server}; using the next best server`;
}

function formatSeconds(ms: number): string {
  return (ms / 1_000).toFixed(6);
}

/** The table of servers, and the last decision, in so many columns. */
export function view(round: Round, columns: number): string[] {
  const clock = dim(round.time.toTimeString().slice(0, 8));
  return [...serverTable(round, columns), `${clock}  ${round.decision.line}`]
    .map((line) => clip(line, columns - 1));
}
