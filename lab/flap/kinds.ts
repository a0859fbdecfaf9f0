/**
 * Generates latency traces. Each kind contains one trouble that a client meets when it chooses a server.
 *
 * @module
 */
import { quote } from "@netlab/protocol";
import { FIRST_PROBES } from "@netlab/rtt";
import { inRange, type Random, seeded } from "../random.ts";
import type { Trace, TraceRound } from "./trace.ts";

/** The time between two rounds: milliseconds. */
const ROUND_MS = 10_000;
/** The number of rounds in a minute, and in an hour. */
const MINUTE = 60_000 / ROUND_MS;
const HOUR = 60 * MINUTE;

/** Returns the latency of each server in a round, without noise: milliseconds, or `null` if it is down. */
export type Levels = (round: number) => readonly (number | null)[];

/** A kind of generated traces. */
export interface TraceKind {
  /** A description for people. */
  readonly what: string;
  /** The number of rounds. */
  readonly rounds: number;
  /** Creates the latencies of one trace. */
  readonly levels: (random: Random) => Levels;
  /** Returns how far one measurement is from the latency of the server: milliseconds, 0 on average. */
  readonly noise: (random: Random) => number;
}

/** Noise of a queue: usually short delays, and sometimes long ones. Its mean is subtracted. */
const queue = (ms: number) => (random: Random) => -ms * Math.log(1 - random()) - ms;
/** Noise that is spread evenly. */
const even = (ms: number) => (random: Random) => ms * (2 * random() - 1);

/** Draws the number of rounds until the next of rare events, which are `mean` rounds apart on average. */
const wait = (random: Random, mean: number) => 1 + Math.floor(-mean * Math.log(1 - random()));

/**
 * Draws episodes that come every `every` rounds on average. Returns the height of the episode for each
 * round, and 0 between episodes.
 */
function episodes(
  random: Random,
  rounds: number,
  every: number,
  length: readonly [number, number],
  height: readonly [number, number],
): Float64Array {
  const marks = new Float64Array(rounds);
  for (let at = wait(random, every); at < rounds; at += wait(random, every)) {
    const end = at + Math.round(inRange(random, length));
    marks.fill(inRange(random, height), at, end);
    at = end;
  }
  return marks;
}

/** The kinds of generated traces, by name. */
export const KINDS: ReadonlyMap<string, TraceKind> = new Map(Object.entries<TraceKind>({
  day: {
    what:
      "24 hours with rush hours, spikes, slow spells and failures, at four servers of 12 to 80 ms",
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
    what: "three servers of 20 ms with 8 ms of jitter",
    rounds: HOUR,
    levels: () => () => [20, 20, 20],
    noise: even(8),
  },
  change: {
    what: "three servers of about 50 ms; one falls to 20 ms, and later rises to 60 ms",
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
    what: "24 hours; three servers vary between 25 and 85 ms, at different times",
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
    what: "20, 26 and 40 ms; now and then each is 30 to 150 ms slower for 10 to 90 s",
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
    what: "15, 35 and 80 ms; now and then each is 40 to 200 ms slower for 3 to 20 minutes",
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
    what: "15, 35 and 80 ms; now and then the first two are down for 2 to 5 minutes",
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
}));

/** The shortest time to answer: milliseconds. */
const LEAST_MS = 0.1;

/**
 * Generates a trace. The same kind and seed give the same trace.
 *
 * @param kind A name in {@linkcode KINDS}.
 * @throws {TypeError} When there is no such kind.
 */
export function makeTrace(kind: string, seed: number): Trace {
  const found = KINDS.get(kind);
  if (!found) throw new TypeError(`Cannot make a trace: there is no kind ${quote(kind)}`);
  const { rounds, levels, noise } = found;
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
