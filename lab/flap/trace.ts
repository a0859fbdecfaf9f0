/**
 * Latency traces: how long servers took to answer, round by round. Reads recorded traces. Knows nothing of
 * policies.
 *
 * @module
 */

/** One round of a trace. The lists are in the order of {@linkcode Trace.servers}. */
export interface TraceRound {
  /** When the round began: milliseconds, higher in each round. */
  readonly at: number;
  /** The time that each server took to answer, in milliseconds. `null` if it was down. */
  readonly times: readonly (number | null)[];
  /** The times of the additional probes in the first round, for each server: milliseconds. */
  readonly more?: readonly (readonly number[])[];
  /**
   * The mean latency of messages to each server until the next round: milliseconds, or `null` if it is
   * down. Generated traces have it. Without it, `times` stand in.
   */
  readonly levels?: readonly (number | null)[];
}

/** The latency of several servers over a period. */
export interface Trace {
  /** The name of the trace, for people. */
  readonly name: string;
  /** The names or addresses of the servers. */
  readonly servers: readonly string[];
  /** The rounds: at least two. */
  readonly rounds: readonly TraceRound[];
}

/** The properties of a line of a recorded trace that are read. */
interface Line {
  readonly time: string;
  readonly servers: readonly { readonly server: string; readonly nowMs?: number | null }[];
}

/**
 * Reads a recorded trace: the JSON lines that `rtt:client --json` prints. A server that was not probed in
 * a round keeps its time of the round before.
 *
 * @param name The name of the trace, for error messages and pictures.
 * @param text The lines.
 * @throws {SyntaxError} When a line has another format, or there are fewer than two lines.
 */
export function readTrace(name: string, text: string): Trace {
  const lines = text.split("\n").filter((line) => line.trim() !== "").map(readLine);
  if (lines.length < 2) {
    throw new SyntaxError(`Cannot replay ${name}: it has fewer than two rounds`);
  }
  const servers = [...new Set(lines.flatMap((line) => line.servers.map(({ server }) => server)))];
  const last = new Map<string, number | null>(servers.map((server) => [server, null]));
  const rounds = lines.map(({ time, servers: measured }) => {
    for (const { server, nowMs } of measured) if (nowMs !== undefined) last.set(server, nowMs);
    return { at: Date.parse(time), times: servers.map((server) => last.get(server)!) };
  });
  return { name, servers, rounds };

  function readLine(text: string, index: number): Line {
    const wrong = new SyntaxError(
      `Cannot replay ${name}: line ${index + 1} is not a line that rtt:client --json prints`,
    );
    let line: Line;
    try {
      line = JSON.parse(text);
    } catch {
      throw wrong;
    }
    const fine = typeof line?.time === "string" && Number.isFinite(Date.parse(line.time)) &&
      Array.isArray(line.servers) &&
      line.servers.every(({ server, nowMs = null }) =>
        typeof server === "string" && (nowMs === null || (typeof nowMs === "number" && nowMs >= 0))
      );
    if (!fine) throw wrong;
    return line;
  }
}
