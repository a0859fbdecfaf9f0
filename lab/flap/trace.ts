/**
 * A latency trace: what servers took to answer, round by round. Owns the form and the reading of
 * recorded ones; knows nothing of policies.
 *
 * @module
 */

/** One round. */
export interface TraceRound {
  /** When it was: milliseconds, ascending. */
  readonly at: number;
  /** What each server took, in milliseconds, in the order of {@linkcode Trace.servers}; `null` when it was away. */
  readonly times: readonly (number | null)[];
  /** What the probes at the start took besides, by server; left out elsewhere. */
  readonly more?: readonly (readonly number[])[];
  /**
   * What messages take to each server until the next round, on average. A generator knows it; of a
   * recorded trace nothing better is known than the times.
   */
  readonly levels?: readonly (number | null)[];
}

/** What servers took, for a while. */
export interface Trace {
  /** What it is called. */
  readonly name: string;
  /** The servers. */
  readonly servers: readonly string[];
  /** The rounds; two at least. */
  readonly rounds: readonly TraceRound[];
}

/** What a line of a recorded trace holds, besides other things. */
interface Line {
  readonly time: string;
  readonly servers: readonly { readonly server: string; readonly nowMs?: number | null }[];
}

/**
 * Reads a recorded trace: the JSON lines that `rtt:client --json` prints. A server that was not asked in
 * a round has the time of the round before.
 *
 * @throws {SyntaxError} When a line is none of them, or there are fewer than two.
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
      `Cannot replay ${name}: line ${index + 1} is not one that rtt:client --json prints`,
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
