/**
 * The faults that one direction of a connection can have, and the random decisions for it. Uses no socket,
 * timer or clock.
 *
 * @module
 */
import type { Random } from "../random.ts";

/** The faults of one direction. Those that are left out do not apply. */
export interface Faults {
  /**
   * How long bytes take: milliseconds, 0 or more.
   *
   * @default {0}
   */
  readonly latencyMs?: number;
  /**
   * By how much the latency may be higher or lower: milliseconds, 0 or more. Bytes stay in order, as with
   * TCP.
   *
   * @default {0}
   */
  readonly jitterMs?: number;
  /**
   * How many bytes per second each connection carries: 1 or more.
   *
   * @default {no limit}
   */
  readonly bytesPerSecond?: number;
  /**
   * The largest piece in which bytes leave: 1 byte or more. At most one piece leaves per millisecond.
   *
   * @default {bytes leave as they came}
   */
  readonly sliceBytes?: number;
  /**
   * Whether bytes and the ends of connections are held until this fault is removed. Nothing is lost. While
   * 1 MiB is held, no more is read.
   *
   * @default {false}
   */
  readonly stall?: boolean;
  /**
   * Whether bytes are lost. TCP never delivers a stream with a hole, so a connection that lost bytes is
   * reset when this fault is removed.
   *
   * @default {false}
   */
  readonly swallow?: boolean;
  /**
   * After how many bytes a connection is reset, from the moment that this fault is set: 0 or more.
   *
   * @default {never}
   */
  readonly limitBytes?: number;
}

/**
 * Checks the numbers of faults, and returns the faults.
 *
 * @throws {RangeError} When a number is out of range.
 */
export function checkFaults(faults: Faults): Faults {
  const check = (name: keyof Faults, min: number) => {
    const value = faults[name];
    if (value !== undefined && !(typeof value === "number" && value >= min && value < Infinity)) {
      throw new RangeError(`Cannot set ${name} to ${value}: it must be a number from ${min} up`);
    }
  };
  check("latencyMs", 0);
  check("jitterMs", 0);
  check("bytesPerSecond", 1);
  check("sliceBytes", 1);
  check("limitBytes", 0);
  return faults;
}

/**
 * The random decisions for one direction of one connection. The ends of pieces depend on the position in
 * the stream only, not on how it is read. The same seed therefore cuts the same stream at the same bytes.
 */
export class Decisions {
  readonly #latency: Random;
  readonly #slices: Random;
  #sliceLeft = 0;

  /** Takes one generator for delays and one for pieces, so that neither affects the other. */
  constructor(latency: Random, slices: Random) {
    this.#latency = latency;
    this.#slices = slices;
  }

  /** Decides how long the bytes that were just read take: milliseconds. */
  delayMs({ latencyMs = 0, jitterMs = 0 }: Faults): number {
    if (jitterMs === 0) return latencyMs;
    return Math.max(0, latencyMs + jitterMs * (2 * this.#latency() - 1));
  }

  /** Decides how many of `most` bytes leave together. */
  pieceBytes({ sliceBytes }: Faults, most: number): number {
    if (sliceBytes === undefined) return most;
    if (this.#sliceLeft === 0) this.#sliceLeft = 1 + Math.floor(this.#slices() * sliceBytes);
    const piece = Math.min(this.#sliceLeft, most);
    this.#sliceLeft -= piece;
    return piece;
  }
}
