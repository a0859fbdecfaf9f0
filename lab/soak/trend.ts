/**
 * Judges whether servers keep more and more memory or file descriptors, from what they used at moments of
 * rest. Measures nothing.
 *
 * @module
 */

/** What the servers use at one moment of rest. */
export interface RestPoint {
  /** When: milliseconds since the start. */
  readonly atMs: number;
  /** The memory of each server: bytes. */
  readonly memoryBytes: readonly number[];
  /** The open file descriptors of all servers together. */
  readonly descriptors: number;
}

/** How the use changes after the warm-up. */
export interface Trend {
  /** How many moments of rest were compared. */
  readonly points: number;
  /** How fast the memory of each server grows: bytes per hour. */
  readonly bytesPerHour: readonly number[];
  /** How many more descriptors are open in the last third than in the first. */
  readonly moreDescriptors: number;
}

/** The share of the points that belongs to the warm-up. */
const WARM_UP = 1 / 3;
/** The fewest points after the warm-up that show a trend. */
const MIN_POINTS = 6;
const HOUR_MS = 3_600_000;

/** The memory of no server may grow as fast as this: bytes per hour. */
export const MAX_BYTES_PER_HOUR: number = 1024 * 1024;
/** So many more descriptors are no growth: a server may just dial another one. */
const SOME_DESCRIPTORS = 2;

/** Finds the trend. `undefined` if there are too few points. */
export function trendOf(points: readonly RestPoint[]): Trend | undefined {
  const kept = points.slice(Math.ceil(WARM_UP * points.length));
  if (kept.length < MIN_POINTS) return undefined;
  const third = Math.floor(kept.length / 3);
  const descriptors = kept.map(({ descriptors }) => descriptors);
  return {
    points: kept.length,
    bytesPerHour: kept[0]!.memoryBytes.map((_, server) =>
      HOUR_MS * slopeOf(kept.map(({ atMs, memoryBytes }) => [atMs, memoryBytes[server]!]))
    ),
    moreDescriptors: medianOf(descriptors.slice(-third)) - medianOf(descriptors.slice(0, third)),
  };
}

/** Returns what grows, each in a few words. An empty list is a success. */
export function growthOf({ bytesPerHour, moreDescriptors }: Trend): string[] {
  const growing = bytesPerHour.flatMap((bytes, server) =>
    bytes < MAX_BYTES_PER_HOUR
      ? []
      : `the memory of server ${server} grows by ${(bytes / 1024 / 1024).toFixed(1)} MiB per hour`
  );
  return moreDescriptors <= SOME_DESCRIPTORS
    ? growing
    : [...growing, `the servers have ${moreDescriptors} more descriptors open`];
}

/** The slope of points by Theil and Sen: the median of the slopes of all pairs, so that outliers do not count. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  return medianOf(
    points.flatMap(([x, y], at) =>
      points.slice(at + 1).map(([nextX, nextY]) => (nextY - y) / (nextX - x))
    ),
  );
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
