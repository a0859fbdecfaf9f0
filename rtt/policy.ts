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

/** A time for people: `0.31 ms`, `6.2 ms`, `48 ms`. */
export function formatMs(ms: number): string {
  return `${ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0)} ms`;
}
