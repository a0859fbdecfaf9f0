/**
 * The rules that others choose servers by, to compare with: one sample at the start, the latency window
 * of MongoDB's drivers, and the home rule of Tailscale's relays. Pure.
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
  type Situation,
  type Verdict,
} from "./policy.ts";
import type { PolicyName } from "./policy_names.ts";
import { Selector, type SelectorOptions } from "./selector.ts";

export { POLICY_NAMES, type PolicyName } from "./policy_names.ts";

/**
 * A policy by its name.
 *
 * @param options For netlab's own: what a move is worth.
 * @param random Gives numbers from 0 to below 1.
 */
export function createPolicy(
  name: PolicyName,
  options: SelectorOptions = {},
  random: () => number = Math.random,
): Policy {
  switch (name) {
    case "netlab":
      return new Selector(options, random);
    case "once":
      return new OncePolicy();
    case "window":
      return new WindowPolicy(random);
    case "home":
      return new HomePolicy();
  }
}

/** The first sample wins, for as long as the server answers: what legacy clients do. */
class OncePolicy implements Policy {
  decide({ servers, used }: Situation): Verdict {
    if (used) return { server: used.server, because: "it was the fastest at the start" };
    const { server, nowMs, lowMs } = lowest(servers, ({ nowMs, lowMs }) => nowMs ?? lowMs);
    return { server, because: becauseFastest(servers, nowMs ?? lowMs) };
  }
}

/** How far above the lowest mean a server may be: milliseconds, the default of MongoDB's drivers. */
const WINDOW_MS = 15;

/**
 * Any server whose smoothed mean is within 15 ms of the lowest. MongoDB's drivers draw one for every
 * operation; a client that stays connected draws again when its own falls out of the window.
 */
class WindowPolicy implements Policy {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  decide({ servers, used, name }: Situation): Verdict {
    const best = lowest(servers, ({ meanMs }) => meanMs).meanMs;
    const window = servers.filter(({ meanMs }) => meanMs <= best + WINDOW_MS);
    const range = `within ${WINDOW_MS} ms of the lowest, ${formatMs(best)}`;
    if (used && window.includes(used)) {
      return { server: used.server, because: `its mean time is ${range}` };
    }
    const { server } = window[Math.floor(this.#random() * window.length)]!;
    if (window.length === 1) return { server, because: becauseFastest(servers, best) };
    return {
      server,
      because: `the mean times of ${window.length} servers are ${range}; ${
        name(server)
      } was picked at random`,
      tie: true,
    };
  }
}

/** How long the past counts: milliseconds. */
const RECENT_MS = 5 * 60_000;
/** How much better than the home another server has to be: milliseconds, and as a share of the home's. */
const HOME_GAIN_MS = 10;
const HOME_GAIN_SHARE = 1 / 3;

/**
 * The rule by which Tailscale's clients choose their home relay (`net/netcheck` in its source). Each
 * server counts with its best time of the last five minutes, and the lowest of those that answer in
 * this round is the candidate. The home is kept, though, when what it took in this very round is less
 * than 10 ms above the candidate's best, or the candidate's best is above two thirds of it.
 */
class HomePolicy implements Policy {
  readonly #recent = new Map<string, { at: number; ms: number }[]>();

  decide({ servers, used, now, name }: Situation): Verdict {
    for (const { server, nowMs } of servers) {
      const recent = this.#recent.get(server) ?? [];
      if (nowMs !== undefined) recent.push({ at: now, ms: nowMs });
      this.#recent.set(server, recent.filter(({ at }) => now - at <= RECENT_MS));
    }
    const bestOf = (server: string, otherwise: number) =>
      Math.min(...this.#recent.get(server)!.map(({ ms }) => ms), otherwise);
    const answered = servers.filter(({ nowMs }) => nowMs !== undefined);
    const best = lowest(
      answered.length > 0 ? answered : servers,
      ({ server, nowMs }) => bestOf(server, nowMs ?? Infinity),
    );
    const bestMs = bestOf(best.server, best.nowMs ?? Infinity);
    if (!used) return { server: best.server, because: becauseFastest(servers, bestMs) };
    const kept = (because: string) => ({ server: used.server, because });
    if (best === used) return kept(`its best of five minutes is the lowest, ${formatMs(bestMs)}`);
    if (used.nowMs === undefined) return kept("it was not measured in this round");
    const gain = used.nowMs - bestMs;
    if (gain <= 0) return kept(`${name(best.server)} is not faster`);
    const faster = `${name(best.server)} is ${formatMs(gain)} faster`;
    if (gain < HOME_GAIN_MS) return kept(`${faster}, but ${mustGainMs(HOME_GAIN_MS)}`);
    if (gain < HOME_GAIN_SHARE * used.nowMs) {
      return kept(`${faster}, but ${mustGainShare(HOME_GAIN_SHARE, used.nowMs)}`);
    }
    return { server: best.server, because: becauseFaster(bestMs, used.nowMs) };
  }
}
