/**
 * Defines a policy, which chooses one of the servers that answer, and the phrases in which policies give
 * their reasons. A policy is told the time and the measurements; it must not know clocks or connections.
 *
 * @module
 */

/** The measurements of one server that answers. */
export interface ServerTimes {
  /** The address of the server, `host:port`. */
  readonly server: string;
  /** The lowest time of its last ten rounds: milliseconds. */
  readonly lowMs: number;
  /** The smoothed mean of its times: milliseconds. */
  readonly meanMs: number;
  /** Its lowest time in this round: milliseconds; `undefined` when it was not measured in this round. */
  readonly nowMs: number | undefined;
  /** The number of its users; `undefined` when it does not report one. */
  readonly load: number | undefined;
}

/** What a policy bases a decision on. */
export interface Situation {
  /** The time, by a clock that never goes back: milliseconds. */
  readonly now: number;
  /** The servers that answer, in any order; at least one. */
  readonly servers: readonly ServerTimes[];
  /** The server in use, which is one of `servers`; `undefined` when the client uses none. */
  readonly used: ServerTimes | undefined;
  /** Returns the name of a server for people. */
  readonly name: (server: string) => string;
}

/** The decision of a policy. */
export interface Verdict {
  /** The address of the server to use from now on. */
  readonly server: string;
  /** The reason, as the end of a sentence. */
  readonly because: string;
  /**
   * Whether several servers were equally good, so that load or chance decided.
   *
   * @default {false}
   */
  readonly tie?: boolean;
}

/** A rule for choosing servers. It is asked once per round, and may remember earlier rounds. */
export interface Policy {
  /** Decides which server to use from now on. */
  decide(situation: Situation): Verdict;
}

/** Returns the server with the lowest figure. `of` returns the figure of a server. */
export function lowest(
  servers: readonly ServerTimes[],
  of: (server: ServerTimes) => number,
): ServerTimes {
  return servers.reduce((best, server) => of(server) < of(best) ? server : best);
}

/** Returns the reason for choosing the fastest of `servers`, whose time is `ms`. */
export function becauseFastest(servers: readonly ServerTimes[], ms: number): string {
  if (servers.length === 1) return "it is the only server that answers";
  return `it is the fastest of ${servers.length}, ${formatMs(ms)}`;
}

/** Returns the reason for moving to a faster server: `ms` instead of `usedMs`. */
export function becauseFaster(ms: number, usedMs: number): string {
  return `it is ${formatMs(usedMs - ms)} faster (${formatMs(ms)} instead of ${formatMs(usedMs)})`;
}

/** Returns the reason against a move that gains less than `ms`. */
export function mustGainMs(ms: number): string {
  return `a move must gain at least ${formatMs(ms)}`;
}

/** Returns the reason against a move that gains less than this share (0 to 1) of `usedMs`. */
export function mustGainShare(share: number, usedMs: number): string {
  const part = share === 1 / 3 ? "a third" : `${Math.round(share * 100)} %`;
  return `a move must gain at least ${part} of ${formatMs(usedMs)}`;
}

/** Formatters for 0, 1 and 2 digits after the point. Creating one takes a hundred times as long as using it. */
const FORMATS = [0, 1, 2].map((digits) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
);

/**
 * Formats a time for people: `0.31 ms`, `6.2 ms`, `48 ms`, `1,300 ms`. The unit is always the same, so that times
 * can be compared.
 */
export function formatMs(ms: number): string {
  return `${FORMATS[ms < 1 ? 2 : ms < 10 ? 1 : 0]!.format(ms)} ms`;
}
