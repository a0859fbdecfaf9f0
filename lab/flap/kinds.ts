/**
 * Generated latency traces: the troubles that a choice of servers meets, one kind each. Owns the numbers;
 * chance comes from a seed.
 *
 * @module
 */
import { FIRST_PROBES } from "@netlab/rtt";
import { type Random, seeded } from "../random.ts";
import type { Trace, TraceRound } from "./trace.ts";

/** From one round to the next: milliseconds. */
const ROUND_MS = 10_000;
const MINUTE = 60_000 / ROUND_MS;
const HOUR = 60 * MINUTE;

/** What messages take to the servers in a round, without noise: milliseconds, or away. */
type Levels = (round: number) => readonly (number | null)[];

interface Kind {
  /** What happens, for people. */
  readonly what: string;
  /** How many rounds. */
  readonly rounds: number;
  /** The levels of one seed. */
  readonly levels: (random: Random) => Levels;
  /** How far one measurement is from the level: milliseconds. The mean is 0. */
  readonly noise: (random: Random) => number;
}

/** Delay in a queue: mostly little, sometimes much; the mean is `ms`, and taken off. */
const queue = (ms: number) => (random: Random) => -ms * Math.log(1 - random()) - ms;
const even = (ms: number) => (random: Random) => ms * (2 * random() - 1);

/** A number that grows the later a draw is, around `mean`: how long it is until the next of rare events. */
const wait = (random: Random, mean: number) => 1 + Math.floor(-mean * Math.log(1 - random()));

/** Marks rounds in which something is so, now and then: on average every `every` rounds. */
function episodes(
  random: Random,
  rounds: number,
  every: number,
  length: readonly [number, number],
  height: readonly [number, number],
): Float64Array {
  const marks = new Float64Array(rounds);
  for (let at = wait(random, every); at < rounds; at += wait(random, every)) {
    const end = at + Math.round(span(random, length));
    marks.fill(span(random, height), at, end);
    at = end;
  }
  return marks;
}

const span = (random: Random, [from, to]: readonly [number, number]) =>
  from + (to - from) * random();

/** The kinds of traces. */
export const KINDS: Readonly<Record<string, Kind>> = {
  day: {
    what: "24 hours of all that follows, at four servers of 12 to 80 ms",
    rounds: 24 * HOUR,
    levels(random) {
      const rounds = 24 * HOUR;
      const servers = [12, 25, 28, 80].map((ms) => {
        const spikes = episodes(random, rounds, 15 * MINUTE, [1, 6], [30, 150]);
        const busy = episodes(random, rounds, 3 * HOUR, [3 * MINUTE, 20 * MINUTE], [40, 200]);
        const away = episodes(random, rounds, 8 * HOUR, [2 * MINUTE, 10 * MINUTE], [1, 1]);
        const detour = episodes(random, rounds, 12 * HOUR, [1 * HOUR, 6 * HOUR], [15, 60]);
        const rush = random();
        return (round: number) => {
          if (away[round]) return null;
          const wave = ms * 0.3 * (1 + Math.sin(2 * Math.PI * (round / rounds + rush)));
          return ms + wave + spikes[round]! + busy[round]! + detour[round]!;
        };
      });
      return (round) => servers.map((level) => level(round));
    },
    noise: queue(3),
  },
  equals: {
    what: "three servers of 20 ms, 8 ms of jitter",
    rounds: HOUR,
    levels: () => () => [20, 20, 20],
    noise: even(8),
  },
  change: {
    what: "at 50 ms, one falls to 20 for good; later that one rises to 60",
    rounds: 2 * HOUR,
    levels(random) {
      const falls = Math.floor((10 + 20 * random()) * MINUTE);
      const rises = Math.floor((60 + 30 * random()) * MINUTE);
      const which = Math.floor(3 * random());
      return (round) =>
        [50, 52, 54].map((ms, server) =>
          server !== which || round < falls ? ms : round < rises ? 20 : 60
        );
    },
    noise: queue(3),
  },
  drift: {
    what: "24 hours; each of three has its rush hour, between 25 and 85 ms",
    rounds: 24 * HOUR,
    levels(random) {
      const start = random();
      return (round) =>
        [0, 1, 2].map((server) =>
          55 + 30 * Math.sin(2 * Math.PI * (round / (24 * HOUR) + server / 3 + start))
        );
    },
    noise: queue(3),
  },
  spikes: {
    what: "20, 26 and 40 ms; each is 30 to 150 ms slower for 10 to 90 s now and then",
    rounds: 2 * HOUR,
    levels(random) {
      const spikes = [0, 1, 2].map(() => new Float64Array(2 * HOUR));
      for (const extra of spikes) {
        for (let at = 0; (at += Math.floor(2 + 16 * MINUTE * random())) < extra.length;) {
          const height = 30 + 120 * random();
          const end = at + 1 + Math.floor(9 * random());
          extra.fill(height, at, end);
          at = end;
        }
      }
      return (round) => [20, 26, 40].map((ms, server) => ms + spikes[server]![round]!);
    },
    noise: queue(3),
  },
  busy: {
    what: "15, 35 and 80 ms; each is 40 to 200 ms slower for 3 to 20 minutes now and then",
    rounds: 4 * HOUR,
    levels(random) {
      const busy = [0, 1, 2].map(() =>
        episodes(random, 4 * HOUR, 1 * HOUR, [3 * MINUTE, 20 * MINUTE], [40, 200])
      );
      return (round) => [15, 35, 80].map((ms, server) => ms + busy[server]![round]!);
    },
    noise: queue(3),
  },
  failure: {
    what: "15, 35 and 80 ms; the first two go away for 2 to 5 minutes now and then",
    rounds: 2 * HOUR,
    levels(random) {
      const away = [0, 1].map(() => new Uint8Array(2 * HOUR));
      for (const rounds of away) {
        for (let at = 0; (at += Math.floor((5 + 30 * random()) * MINUTE)) < rounds.length;) {
          const end = at + Math.floor((2 + 3 * random()) * MINUTE);
          rounds.fill(1, at, end);
          at = end;
        }
      }
      return (round) => [15, 35, 80].map((ms, server) => away[server]?.[round] ? null : ms);
    },
    noise: queue(3),
  },
};

/** Nothing answers sooner: milliseconds. */
const LEAST_MS = 0.1;

/** A trace of a kind; the same for the same seed. */
export function makeTrace(kind: string, seed: number): Trace {
  const { rounds, levels, noise } = KINDS[kind]!;
  const at = levels(seeded(seed, 5));
  const random = seeded(seed, 6);
  const measured = Array.from({ length: rounds }, (_, round): TraceRound => {
    const levels = at(round);
    const measure = (level: number) => Math.max(LEAST_MS, level + noise(random));
    const times = levels.map((level) => level && measure(level));
    if (round > 0) return { at: round * ROUND_MS, times, levels };
    const more = levels.map((level) =>
      level === null ? [] : Array.from({ length: FIRST_PROBES - 1 }, () => measure(level))
    );
    return { at: 0, times, more, levels };
  });
  return {
    name: `${kind}, seed ${seed}`,
    servers: ["A", "B", "C", "D"].slice(0, measured[0]!.times.length),
    rounds: measured,
  };
}
