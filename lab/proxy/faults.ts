/**
 * What can be wrong with one direction of a connection, and the decisions that chance takes in it.
 * Pure: knows no socket, no timer and no clock.
 *
 * @module
 */
import type { Random } from "../random.ts";

/** What is wrong with one direction. What is left out is not wrong. */
export interface Faults {
  /**
   * How long bytes take: milliseconds, 0 or more.
   *
   * @default {0}
   */
  readonly latencyMs?: number;
  /**
   * By how much the latency differs at most, to either side: milliseconds. Bytes keep their order
   * all the same, as TCP has it.
   *
   * @default {0}
   */
  readonly jitterMs?: number;
  /**
   * How many bytes get through in a second, 1 or more, for each connection.
   *
   * @default {as many as come}
   */
  readonly bytesPerSecond?: number;
  /**
   * Bytes leave in pieces of 1 to this many, one a millisecond at most: 1 or more.
   *
   * @default {as they came}
   */
  readonly sliceBytes?: number;
  /**
   * Nothing gets through, and nothing is lost: bytes are held, and so is the news that a connection
   * has ended, until this is over. When 1 MiB is held, no more is read.
   *
   * @default {false}
   */
  readonly stall?: boolean;
  /**
   * Bytes vanish. TCP never gives a stream with a hole, so a connection that lost some is reset as
   * soon as this is over.
   *
   * @default {false}
   */
  readonly swallow?: boolean;
  /**
   * A connection is reset when this many bytes went through it since the fault was set: 0 or more.
   *
   * @default {never}
   */
  readonly limitBytes?: number;
}

/**
 * Checks faults.
 *
 * @throws {RangeError} When a number is out of its range.
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
 * What chance decides for one direction of one connection. Where pieces end is drawn along the stream,
 * whatever the reads bring, so the same seed cuts the same stream at the same places.
 */
export class Decisions {
  readonly #latency: Random;
  readonly #slices: Random;
  #sliceLeft = 0;

  /** Delays and pieces have a generator each, so that neither depends on how many of the other there were. */
  constructor(latency: Random, slices: Random) {
    this.#latency = latency;
    this.#slices = slices;
  }

  /** How long what was just read takes: milliseconds. */
  delayMs({ latencyMs = 0, jitterMs = 0 }: Faults): number {
    if (jitterMs === 0) return latencyMs;
    return Math.max(0, latencyMs + jitterMs * (2 * this.#latency() - 1));
  }

  /** How many of `most` bytes leave together. */
  pieceBytes({ sliceBytes }: Faults, most: number): number {
    if (sliceBytes === undefined) return most;
    if (this.#sliceLeft === 0) this.#sliceLeft = 1 + Math.floor(this.#slices() * sliceBytes);
    const piece = Math.min(this.#sliceLeft, most);
    this.#sliceLeft -= piece;
    return piece;
  }
}
