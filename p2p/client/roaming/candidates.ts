/**
 * The order in which a client tries servers. Must not know connections or clocks: the caller passes the time.
 *
 * @module
 */
import type { KnownServers } from "./known_servers.ts";

/** What decides the order of servers. */
export interface CandidatesOptions {
  /** Returns the servers in the order in which to try them; `undefined` for the order of this class. */
  readonly rank: ((servers: string[]) => Promise<string[]>) | undefined;
  /** Whether a server of the user's network was found at an address. */
  readonly isProven: (address: string) => boolean;
}

/** Orders the servers that a client knows. */
export class Candidates {
  readonly #servers: KnownServers;
  readonly #options: CandidatesOptions;

  /** Orders these servers. */
  constructor(servers: KnownServers, options: CandidatesOptions) {
    this.#servers = servers;
    this.#options = options;
  }

  /** The servers to try at the start: in the order in which they were given. */
  async first(now: number): Promise<string[]> {
    return await this.#ranked(now) ?? this.#possible(now);
  }

  /** The servers to try after a loss: in random order, so that the users of one server spread over the others. */
  async next(now: number): Promise<string[]> {
    const ranked = await this.#ranked(now);
    if (ranked) return ranked;
    const { isProven } = this.#options;
    const servers = this.#possible(now);
    // A server may have listed any number of strangers, which must not come before all others.
    const proven = servers.filter(isProven);
    const others = servers.filter((server) => !isProven(server));
    const mixed = inTurn(this.shuffled(proven, now), this.shuffled(others, now));
    return this.#servers.recentlyFailedLast(mixed, now);
  }

  /** These servers in random order. Those that failed a short time ago are the last. */
  shuffled(servers: readonly string[], now: number): string[] {
    const order = servers.map((server) => ({ server, at: Math.random() }))
      .sort((a, b) => a.at - b.at).map(({ server }) => server);
    return this.#servers.recentlyFailedLast(order, now);
  }

  /** The servers in the order of the program; `undefined` if it has none. */
  async #ranked(now: number): Promise<string[] | undefined> {
    const ranked = await this.#options.rank?.(this.#possible(now));
    return ranked && this.#servers.recentlyFailedLast(this.#servers.toTry(ranked, now), now);
  }

  #possible(now: number): string[] {
    return this.#servers.toTry(this.#servers.addresses, now);
  }
}

/** Takes one of each list in turn. */
function inTurn(one: readonly string[], other: readonly string[]): string[] {
  return Array.from(
    { length: Math.max(one.length, other.length) },
    (_, index) => [one[index], other[index]],
  ).flat().filter((server) => server !== undefined);
}
