/**
 * Messages on their way: where each is at a time. Owns how fast they are, and how many are shown. Does not know how they
 * are drawn.
 *
 * @module
 */
import type { Stop, Trace } from "../model/traces.ts";

/** How long a message takes from one place to the next: milliseconds. */
const STEP_MS = 550;
/** The most messages that are shown at a time. Under load, others are left out. */
const MAX_MOVING = 120;
/** The messages of one answer begin within this time, not all at once: milliseconds. */
const SPREAD_MS = 500;

/** A place in the drawing. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A place where messages begin and end. */
export interface Place extends Point {
  /** The radius of what is there, which messages do not cover. */
  readonly radius: number;
}

/** A message between two places. */
export interface Moving {
  readonly from: Point;
  readonly to: Point;
  /** How much of the way is behind it: 0 to 1. */
  readonly part: number;
  /** How many messages there are. */
  readonly count: number;
}

interface Movement {
  readonly trace: Trace;
  readonly startsAt: number;
}

/** The messages that are shown. */
export class Movements {
  #movements: Movement[] = [];

  /**
   * Adds messages.
   *
   * @param now The current time: milliseconds.
   */
  add(traces: readonly Trace[], now: number): void {
    const some = traces.slice(0, MAX_MOVING - this.#movements.length);
    for (const [at, trace] of some.entries()) {
      this.#movements.push({ trace, startsAt: now + SPREAD_MS * at / some.length });
    }
  }

  /** Whether messages are on their way. */
  get isMoving(): boolean {
    return this.#movements.length > 0;
  }

  /**
   * Returns where messages are, and forgets those that have arrived.
   *
   * @param placeOf Returns the place of a user or a server; `undefined` if there is none.
   */
  at(now: number, placeOf: (stop: Stop) => Place | undefined): Moving[] {
    const moving: Moving[] = [];
    this.#movements = this.#movements.filter(({ trace: { stops, count }, startsAt }) => {
      const passed = (now - startsAt) / STEP_MS;
      if (passed < 0) return true;
      const step = Math.floor(passed);
      if (step >= stops.length - 1) return false;
      const from = placeOf(stops[step]!);
      const to = placeOf(stops[step + 1]!);
      if (!from || !to) return false;
      const [start, end] = between(from, to);
      moving.push({ from: start, to: end, part: eased(passed - step), count });
      return true;
    });
    return moving;
  }

  /** Forgets all messages. */
  clear(): void {
    this.#movements = [];
  }
}

/** Returns the ends of the visible part of a way. */
function between(from: Place, to: Place): [Point, Point] {
  const x = to.x - from.x;
  const y = to.y - from.y;
  const length = Math.max(1, Math.hypot(x, y));
  const first = Math.min(0.5, from.radius / length);
  const last = Math.max(0.5, 1 - to.radius / length);
  return [
    { x: from.x + x * first, y: from.y + y * first },
    { x: from.x + x * last, y: from.y + y * last },
  ];
}

function eased(part: number): number {
  return part < 0.5 ? 2 * part * part : 1 - (2 - 2 * part) ** 2 / 2;
}
