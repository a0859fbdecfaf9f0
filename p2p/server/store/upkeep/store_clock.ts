/**
 * The time by which stored messages age. The clock of a machine may be wrong when the server starts and be set
 * while it runs, so it decides nothing alone: while the server runs, ages grow by a clock that never jumps.
 * Between two runs they grow by the difference of the machine's clock, unless that is doubtful. Owns this rule.
 * Must not know messages or the database.
 *
 * @module
 */

import { checkCode } from "../batches/check_code.ts";

/**
 * The longest time between two runs that counts: milliseconds, half of the shortest `--max-days`. A clock that is
 * wrong by more makes no message expire.
 */
export const MAX_GAP_MS = 12 * 3_600_000;
/** Smaller changes of the machine's clock are not reported: milliseconds. */
const MIN_REPORT_MS = 60_000;

/** Two clocks at one moment. */
export interface Clocks {
  /** The machine's clock, which may be wrong and may jump: milliseconds since 1970. */
  readonly wall: number;
  /** A clock of this process that never jumps, see `processTime`: milliseconds. */
  readonly process: number;
}

/** What a store remembers of the time for its next run. */
export interface ClockRecord {
  /** The store's clock: milliseconds. */
  readonly stored: number;
  /** The machine's clock at that moment: milliseconds since 1970. */
  readonly wall: number;
}

/** The clock of a store, which continues over several runs of a server. */
export class StoreClock {
  /** What to add to a time of this process to get a time of the store: milliseconds, an integer. */
  readonly shiftMs: number;
  /**
   * How far the machine's clock has moved since the last run without being counted: milliseconds, negative for
   * a move into the past; 0 for a move that is not worth a report.
   */
  readonly uncountedMs: number;
  #aheadMs: number;

  /**
   * Continues the clock.
   *
   * @param record What was recorded last; `undefined` for a new store.
   */
  constructor(record: ClockRecord | undefined, { wall, process }: Clocks) {
    const gapMs = record ? wall - record.wall : 0;
    const countedMs = gapMs > 0 && gapMs <= MAX_GAP_MS ? gapMs : 0;
    this.shiftMs = record ? Math.round(record.stored + countedMs - process) : 0;
    this.uncountedMs = reported(gapMs - countedMs);
    this.#aheadMs = wall - process;
  }

  /** Returns how far the machine's clock has jumped since the last call: milliseconds; 0 for a small jump. */
  jumpMs({ wall, process }: Clocks): number {
    const jump = reported(wall - process - this.#aheadMs);
    if (jump !== 0) this.#aheadMs = wall - process;
    return jump;
  }

  /** Returns what to record for the next run. */
  record({ wall, process }: Clocks): ClockRecord {
    return { stored: process + this.shiftMs, wall };
  }
}

/** Returns the check code of a {@linkcode ClockRecord}: an integer. */
export function codeOfTimes({ stored, wall }: ClockRecord): number {
  const view = new DataView(new ArrayBuffer(16));
  view.setFloat64(0, stored);
  view.setFloat64(8, wall);
  return checkCode(view, 0, 16, 0);
}

function reported(ms: number): number {
  return Math.abs(ms) < MIN_REPORT_MS ? 0 : ms;
}

/** A move of the clock in words, such as `30 days ahead`. */
export function describeMove(ms: number): string {
  const minutes = Math.abs(ms) / 60_000;
  const [count, unit] = minutes < 120
    ? [minutes, "minutes"]
    : minutes < 48 * 60
    ? [minutes / 60, "hours"]
    : [minutes / (24 * 60), "days"];
  return `${Math.round(count)} ${unit} ${ms > 0 ? "ahead" : "back"}`;
}
