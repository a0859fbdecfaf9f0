/**
 * Short notations for the situations in which policies decide.
 *
 * @module
 */
import type { Policy, ServerTimes } from "@netlab/rtt";

/** Returns the times of a server, all with the same figure. */
export function times(server: string, ms: number, load?: number): ServerTimes {
  return { server, lowMs: ms, meanMs: ms, nowMs: ms, load };
}

/** Asks a policy round by round, ten seconds apart. */
export class Rounds {
  /** The server in use. */
  used: string | undefined;
  /** The reason for the last verdict. */
  because = "";
  #now = 0;
  readonly #policy: Policy;

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** Plays one round, and returns the server in use after it. */
  next(...servers: ServerTimes[]): string {
    const { server, because } = this.#policy.decide({
      now: this.#now += 10_000,
      servers,
      used: servers.find(({ server }) => server === this.used),
      name: (server) => server,
    });
    this.because = because;
    return this.used = server;
  }
}
