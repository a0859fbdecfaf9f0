/**
 * What a policy is: the rule by which a server is chosen among those that answer. Pure: it is told the
 * time and what was measured.
 *
 * @module
 */

/** What a policy is told of one server that answers. */
export interface ServerTimes {
  /** The server's address, `host:port`. */
  readonly server: string;
  /** The lowest of its last ten rounds: milliseconds. */
  readonly lowMs: number;
  /** The smoothed mean: milliseconds. */
  readonly meanMs: number;
  /** What it took in this round, in milliseconds; `undefined` when it was not asked in this round. */
  readonly nowMs: number | undefined;
  /** How many users it serves; `undefined` when it does not say. */
  readonly load: number | undefined;
}

/** What a policy is to judge. */
export interface Situation {
  /** The time: milliseconds, by a clock that never goes back. */
  readonly now: number;
  /** The servers that answer, in any order; one at least. */
  readonly servers: readonly ServerTimes[];
  /** The one in use, which is one of these; `undefined` when one is to be chosen. */
  readonly used: ServerTimes | undefined;
  /** What to call a server, for people. */
  readonly name: (server: string) => string;
}

/** What a policy says. */
export interface Verdict {
  /** The server to use from now on. */
  readonly server: string;
  /** Why, as the end of a sentence. */
  readonly because: string;
  /**
   * Whether others would have done as well, so that load or chance decided.
   *
   * @default {false}
   */
  readonly tie?: boolean;
}

/** A rule for choosing servers. It is asked once a round, and remembers what it needs. */
export interface Policy {
  /** Which server to use from now on. */
  decide(situation: Situation): Verdict;
}

/** The server for which `of` gives the lowest figure. */
export function lowest(
  servers: readonly ServerTimes[],
  of: (server: ServerTimes) => number,
): ServerTimes {
  return servers.reduce((best, server) => of(server) < of(best) ? server : best);
}

/** Why the fastest of these is chosen, where nothing else counts. */
export function becauseFastest(servers: readonly ServerTimes[], ms: number): string {
  if (servers.length === 1) return "it is the only server that answers";
  return `it is the fastest of ${servers.length}, ${formatMs(ms)}`;
}

/** Why a faster server takes the place of the one in use. */
export function becauseFaster(ms: number, usedMs: number): string {
  return `it is ${formatMs(usedMs - ms)} faster (${formatMs(ms)} instead of ${formatMs(usedMs)})`;
}

/** What a move has to gain in milliseconds, as the end of a sentence. */
export function mustGainMs(ms: number): string {
  return `a move must gain at least ${formatMs(ms)}`;
}

/** Which share of the present time a move has to gain, as the end of a sentence. */
export function mustGainShare(share: number, usedMs: number): string {
  const part = share === 1 / 3 ? "a third" : `${Math.round(share * 100)} %`;
  return `a move must gain at least ${part} of ${formatMs(usedMs)}`;
}

/** A time for people: `0.31 ms`, `6.2 ms`, `48 ms`. */
export function formatMs(ms: number): string {
  return `${ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0)} ms`;
}
