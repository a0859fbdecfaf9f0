/**
 * The lines that the rtt client program prints about servers and moves.
 *
 * @module
 */
import { clip, dim } from "@netlab/terminal";
import { whyNot } from "../client/reasons.ts";
import type { Round } from "../client/rounds.ts";
import { formatMs } from "../core/policy.ts";
import { serverTable } from "./server_table.ts";

/** The measurements of the first round, and the reason for the choice if several servers were equally fast. */
export function firstLines({ servers, decision }: Round): string[] {
  const lines = servers.map(({ server, times: { lowMs }, trouble }) =>
    lowMs === undefined
      ? `Server ${server}: not measured (${trouble})`
      : `Server ${server}: RTT ${formatTime(lowMs)}`
  );
  return decision.tie ? [...lines, decision.because] : lines;
}

/** The first server that the client connected to: the best one that accepted it. */
export function bestLines({ servers, decision }: Round, connected: string): string[] {
  const lines = decision.server === connected ? [] : [noConnection(decision.server)];
  const lowMs = servers.find(({ server }) => server === connected)?.times.lowMs;
  const time = lowMs === undefined ? "" : ` with RTT ${formatTime(lowMs)}`;
  return [...lines, `Best server: ${connected}${time}`];
}

/** The decision of a later round, once the client is connected to `connected`. */
export function arrivedLines({ decision }: Round, connected: string): string[] {
  if (decision.server === connected) return [decision.line];
  if (decision.server === undefined) return [];
  return decision.kind === "moved" ? [] : [noConnection(decision.server)];
}

/** Why the client stays at its server although it was to move. */
export function stayedLine(server: string, reason: unknown): string {
  return `Cannot move to ${server}: ${whyNot(reason)}`;
}

function noConnection(server: string | undefined): string {
  return `Cannot connect to ${server}; using the next best server`;
}

/** Formats a time as the original program does, with the unit of all other lines behind it. */
function formatTime(ms: number): string {
  return `${(ms / 1_000).toFixed(6)} seconds (${formatMs(ms)})`;
}

/** The table of servers and the last decision, clipped to a window of so many columns. */
export function view(round: Round, columns: number): string[] {
  const clock = dim(round.time.toTimeString().slice(0, 8));
  return [...serverTable(round, columns), `${clock}  ${round.decision.line}`]
    .map((line) => clip(line, columns - 1));
}
