/**
 * The policies by name: netlab's own, and three to compare it with. Owns the rules of those three: the first
 * measurement, the latency window of MongoDB's drivers, and the home relay of Tailscale's clients. A
 * policy is told the time and the measurements; it must not know clocks or connections.
 *
 * @module
 */
import { NetlabPolicy, type NetlabPolicyOptions } from "./netlab_policy.ts";
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

/** The names of the policies. */
export const POLICY_NAMES = ["netlab", "once", "window", "home"] as const;

/** The name of a policy. */
export type PolicyName = typeof POLICY_NAMES[number];

/**
 * Creates a policy.
 *
 * @param options How much a move must gain. Only the policy `netlab` uses it.
 * @param random Returns a random number from 0 up to, but not including, 1.
 */
export function createPolicy(
  name: PolicyName,
  options: NetlabPolicyOptions = {},
  random: () => number = Math.random,
): Policy {
  switch (name) {
    case "netlab":
      return new NetlabPolicy(options, random);
    case "once":
      return new OncePolicy();
    case "window":
      return new WindowPolicy(random);
    case "home":
      return new HomePolicy();
  }
}

/** Keeps the server that was fastest in the first round while it answers, as legacy clients do. */
class OncePolicy implements Policy {
  decide({ servers, used }: Situation): Verdict {
    if (used) return { server: used.server, because: "it was the fastest at the start" };
    const { server, nowMs, lowMs } = lowest(servers, ({ nowMs, lowMs }) => nowMs ?? lowMs);
    return { server, because: becauseFastest(servers, nowMs ?? lowMs) };
  }
}

/** How far the mean of a server may be above the lowest: milliseconds, the default of MongoDB's drivers. */
const WINDOW_MS = 15;

/**
 * Draws a server whose smoothed mean is within {@linkcode WINDOW_MS} of the lowest. MongoDB's drivers draw
 * for every operation. A client stays connected, so it draws again only when its server leaves the window.
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

/** How far back the home policy looks: milliseconds. */
const RECENT_MS = 5 * 60_000;
/** How much faster than the home another server must be: milliseconds, and a share of the time of the home. */
const HOME_GAIN_MS = 10;
const HOME_GAIN_SHARE = 1 / 3;

/**
 * Chooses as Tailscale's clients choose their home relay (`net/netcheck` in its source). The candidate is
 * the server with the lowest time of the last five minutes among those that answered in this round. The
 * home is kept when its time in this round is less than 10 ms above the candidate's lowest, or when the
 * candidate's lowest is above two thirds of it.
 */
class HomePolicy implements Policy {
  /** The times of the last five minutes, by server. */
  readonly #recent = new Map<string, { at: number; ms: number }[]>();

  decide({ servers, used, now, name }: Situation): Verdict {
    for (const [server, recent] of this.#recent) {
      if (recent.every(({ at }) => now - at > RECENT_MS)) this.#recent.delete(server);
    }
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
