/**
 * netlab's own policy: when a client moves to another server, and to which of several equal servers. Owns
 * the thresholds. It is told the time and the measurements; it must not know clocks or connections.
 *
 * @module
 */
import {
  becauseFaster,
  becauseFastest,
  formatMs,
  lowest,
  mustGainMs,
  mustGainShare,
  type Policy,
  type ServerTimes,
  type Situation,
  type Verdict,
} from "./policy.ts";

/** How much a move must gain. */
export interface NetlabPolicyOptions {
  /**
   * How much faster another server must be: milliseconds, 0 or more.
   *
   * @default {10}
   */
  minGainMs?: number;
  /**
   * How much faster another server must be, as a share of the time of the server in use: 0 to 1.
   *
   * @default {1 / 3}
   */
  minGainShare?: number;
  /**
   * How long a client stays at a server before it moves to a faster one: milliseconds.
   *
   * @default {30000}
   */
  minStayMs?: number;
}

/** In how many rounds in a row a move must be worth it. */
const HELD_ROUNDS = 3;
/** Servers are equal when their times differ by no more than one of these, the accuracy of measuring. */
const EQUAL_MS = 1;
const EQUAL_SHARE = 0.05;

/**
 * Uses the server with the lowest time of the last ten rounds. It moves only when the gain is large enough
 * and has lasted for three rounds, and when the last move was some time ago. Among equal servers, it draws
 * two at random and takes the one with fewer users. So the users of a server that fails spread over the
 * others.
 */
export class NetlabPolicy implements Policy {
  readonly #options: Required<NetlabPolicyOptions>;
  readonly #random: () => number;
  /** In how many rounds in a row each server has been worth a move, by address. */
  #held = new Map<string, number>();
  #movedAt = -Infinity;

  /**
   * Creates a policy that has decided nothing yet.
   *
   * @param random Returns a random number from 0 up to, but not including, 1.
   */
  constructor(options: NetlabPolicyOptions = {}, random: () => number = Math.random) {
    const { minGainMs = 10, minGainShare = 1 / 3, minStayMs = 30_000 } = options;
    this.#options = { minGainMs, minGainShare, minStayMs };
    this.#random = random;
  }

  /** Chooses a server when none is in use. Otherwise keeps the server in use, or moves to another. */
  decide(situation: Situation): Verdict {
    const { used, now } = situation;
    const verdict = used ? this.#compare(used, situation) : this.#choose(situation);
    if (verdict.server !== used?.server) {
      this.#movedAt = now;
      this.#held.clear();
    }
    return verdict;
  }

  /** Chooses a server for a client that uses none. */
  #choose({ servers, name }: Situation): Verdict {
    const equals = equalToBest(servers);
    const { picked, other } = this.#pick(equals);
    const { server } = picked;
    if (!other) return { server, because: becauseFastest(servers, picked.lowMs) };
    const names = equals.map((each) => name(each.server));
    const why = whyPicked(picked, other, equals, name);
    return { server, because: `${listOf(names)} are equally fast; ${why}`, tie: true };
  }

  /** Compares the server in use with the others. */
  #compare(used: ServerTimes, { servers, now, name }: Situation): Verdict {
    const others = servers.filter(({ server }) => server !== used.server);
    const worth = others.filter((other) =>
      other.lowMs < used.lowMs && this.#lacks(used, other) === undefined
    );
    this.#held = new Map(
      worth.map(({ server }) => [server, (this.#held.get(server) ?? 0) + 1]),
    );
    const kept = (because: string) => ({ server: used.server, because: because + this.#now(used) });
    if (others.length === 0) return kept("no other server answers");
    const best = lowest(others, ({ lowMs }) => lowMs);
    const gain = used.lowMs - best.lowMs;
    if (gain <= 0) {
      return kept(`its lowest time of ten rounds is the best, ${formatMs(used.lowMs)}`);
    }
    const faster = `${name(best.server)} is ${formatMs(gain)} faster`;
    if (worth.length === 0) {
      if (gain < this.#options.minGainMs && used.lowMs <= asFastAs(best)) {
        return kept(`${name(best.server)} is equally fast, ${formatMs(best.lowMs)}`);
      }
      return kept(`${faster}, but ${this.#lacks(used, best)}`);
    }
    const held = worth.filter(({ server }) => this.#held.get(server)! >= HELD_ROUNDS);
    if (held.length === 0) {
      const rounds = this.#held.get(best.server) ?? 0;
      return kept(
        `${faster}, so far in ${rounds} of the ${HELD_ROUNDS} rounds in a row that a move needs`,
      );
    }
    const { minStayMs } = this.#options;
    const stayedMs = now - this.#movedAt;
    if (stayedMs < minStayMs) {
      return kept(
        `${faster}, but a server is used for at least ${formatSeconds(minStayMs)}, ` +
          `and this one has been for ${formatSeconds(stayedMs)}`,
      );
    }
    const { picked: to } = this.#pick(equalToBest(held));
    return { server: to.server, because: becauseFaster(to.lowMs, used.lowMs) };
  }

  /** Returns the present time of a server, as the end of a reason, if it is much longer than its lowest. */
  #now({ nowMs, lowMs }: ServerTimes): string {
    const isSlower = nowMs !== undefined &&
      nowMs - lowMs >= Math.max(this.#options.minGainMs, EQUAL_MS);
    return isSlower ? `; at the moment ${formatMs(nowMs)}` : "";
  }

  /** Returns why a move is not worth it, as the end of a sentence, or `undefined` when it is. */
  #lacks(used: ServerTimes, other: ServerTimes): string | undefined {
    const { minGainMs, minGainShare } = this.#options;
    const gain = used.lowMs - other.lowMs;
    if (gain < minGainMs) return mustGainMs(minGainMs);
    if (gain < minGainShare * used.lowMs) return mustGainShare(minGainShare, used.lowMs);
    return undefined;
  }

  /**
   * Draws two of the equal servers at random, and picks the one with fewer users. When that is not known,
   * it picks the first. `other` is the server that was drawn and not picked; `undefined` when there is only
   * one.
   */
  #pick(equals: readonly ServerTimes[]): { picked: ServerTimes; other: ServerTimes | undefined } {
    const first = Math.floor(this.#random() * equals.length);
    if (equals.length === 1) return { picked: equals[0]!, other: undefined };
    const step = 1 + Math.floor(this.#random() * (equals.length - 1));
    const one = equals[first]!;
    const two = equals[(first + step) % equals.length]!;
    return users(two) < users(one) ? { picked: two, other: one } : { picked: one, other: two };
  }
}

/** Returns the number of users. A server that does not report it counts as the fullest. */
function users({ load }: ServerTimes): number {
  return load ?? Infinity;
}

/** Returns why one of two equal servers was picked, as the end of a sentence. */
function whyPicked(
  picked: ServerTimes,
  other: ServerTimes,
  equals: readonly ServerTimes[],
  name: (server: string) => string,
): string {
  const [it, than] = [name(picked.server), name(other.server)];
  if (users(picked) >= users(other)) return `${it} was picked at random`;
  const drawn = equals.length > 2 ? `of ${it} and ${than}, drawn at random, ` : "";
  if (other.load === undefined) return `${drawn}only ${it} says how many users it has`;
  if (equals.length === 2) return `${it} has fewer users`;
  const fewest = equals.every((each) => each === picked || users(each) > users(picked));
  return fewest ? `${it} has the fewest users` : `${drawn}${it} has fewer users`;
}

/** Joins names: `A and B`, or `A, B and C`. */
function listOf(names: readonly string[]): string {
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** Returns the fastest server and all servers equal to it. */
function equalToBest(servers: readonly ServerTimes[]): ServerTimes[] {
  const limit = asFastAs(lowest(servers, ({ lowMs }) => lowMs));
  return servers.filter(({ lowMs }) => lowMs <= limit);
}

/** Returns the longest time that counts as equal to the time of a server: milliseconds. */
function asFastAs({ lowMs }: ServerTimes): number {
  return lowMs + Math.max(EQUAL_MS, EQUAL_SHARE * lowMs);
}

function formatSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(0)} s`;
}
