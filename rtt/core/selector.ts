/**
 * netlab's own policy: when to move to another server, and to which of several that are as good. Owns
 * the thresholds and the reasons. Pure.
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

/** What a move is worth. */
export interface SelectorOptions {
  /**
   * How much faster another server has to be: milliseconds, 0 or more.
   *
   * @default {10}
   */
  minGainMs?: number;
  /**
   * Which share of the present time that has to be: 0 to 1.
   *
   * @default {1 / 3}
   */
  minGainShare?: number;
  /**
   * How long a client stays at a server before it moves because of time: milliseconds.
   *
   * @default {30000}
   */
  minStayMs?: number;
}

/** Another server has to be that much better in so many rounds, one after the other. */
const HELD_ROUNDS = 3;
/** Servers that differ by no more are equals, in milliseconds or by share: measuring is no finer. */
const EQUAL_MS = 1;
const EQUAL_SHARE = 0.05;

/**
 * Uses the server whose lowest time of the last ten rounds is the lowest, and moves only when that is
 * worth it: the gain is large enough, has lasted for three rounds, and the last move was a while ago.
 * Among equals, the less loaded of two that chance picks is taken, so that the users of a server that
 * fails do not all go to the same one.
 */
export class Selector implements Policy {
  readonly #options: Required<SelectorOptions>;
  readonly #random: () => number;
  /** In how many rounds, up to now, each server was worth a move. */
  #held = new Map<string, number>();
  #movedAt = -Infinity;

  /**
   * Nothing is chosen yet.
   *
   * @param random Gives numbers from 0 to below 1.
   */
  constructor(options: SelectorOptions = {}, random: () => number = Math.random) {
    const { minGainMs = 10, minGainShare = 1 / 3, minStayMs = 30_000 } = options;
    this.#options = { minGainMs, minGainShare, minStayMs };
    this.#random = random;
  }

  /** Keeps the server in use, or moves, or chooses one. */
  decide(situation: Situation): Verdict {
    const { used, now } = situation;
    const verdict = used ? this.#compare(used, situation) : this.#choose(situation);
    if (verdict.server !== used?.server) {
      this.#movedAt = now;
      this.#held.clear();
    }
    return verdict;
  }

  #choose({ servers, name }: Situation): Verdict {
    const equals = equalToBest(servers);
    const { picked, other } = this.#pick(equals);
    const { server } = picked;
    if (!other) return { server, because: becauseFastest(servers, picked.lowMs) };
    const names = equals.map((each) => name(each.server));
    const why = whyPicked(picked, other, equals, name);
    return { server, because: `${listOf(names)} are equally fast; ${why}`, tie: true };
  }

  #compare(used: ServerTimes, { servers, now, name }: Situation): Verdict {
    const others = servers.filter(({ server }) => server !== used.server);
    const worth = others.filter((other) =>
      other.lowMs < used.lowMs && this.#lacks(used, other) === undefined
    );
    this.#held = new Map(
      worth.map(({ server }) => [server, (this.#held.get(server) ?? 0) + 1]),
    );
    const kept = (because: string) => ({ server: used.server, because });
    if (others.length === 0) return kept("no other server answers");
    const best = lowest(others, ({ lowMs }) => lowMs);
    const gain = used.lowMs - best.lowMs;
    if (gain <= 0) return kept(`it is the fastest, ${formatMs(used.lowMs)}`);
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
        `${faster}, but the last move was ${formatSeconds(stayedMs)} ago; ` +
          `moves are at least ${formatSeconds(minStayMs)} apart`,
      );
    }
    const { picked: to } = this.#pick(equalToBest(held));
    return { server: to.server, because: becauseFaster(to.lowMs, used.lowMs) };
  }

  /** What a move lacks to be worth it, as the end of a sentence; nothing, if it is. */
  #lacks(used: ServerTimes, other: ServerTimes): string | undefined {
    const { minGainMs, minGainShare } = this.#options;
    const gain = used.lowMs - other.lowMs;
    if (gain < minGainMs) return mustGainMs(minGainMs);
    if (gain < minGainShare * used.lowMs) return mustGainShare(minGainShare, used.lowMs);
    return undefined;
  }

  /**
   * Of two that chance draws, the one with fewer users; the first, where that is not known. `other` is the
   * other one of the two.
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

/** How many users count; those of a server that does not say are more than those of any other. */
function users({ load }: ServerTimes): number {
  return load ?? Infinity;
}

/** Why one of two equals was taken, as the end of a sentence. */
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

/** `A and B`, or `A, B and C`. */
function listOf(names: readonly string[]): string {
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The best, and all that are as good as measuring can tell. */
function equalToBest(servers: readonly ServerTimes[]): ServerTimes[] {
  const limit = asFastAs(lowest(servers, ({ lowMs }) => lowMs));
  return servers.filter(({ lowMs }) => lowMs <= limit);
}

/** The longest time that measuring cannot tell from a server's. */
function asFastAs({ lowMs }: ServerTimes): number {
  return lowMs + Math.max(EQUAL_MS, EQUAL_SHARE * lowMs);
}

function formatSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(0)} s`;
}
