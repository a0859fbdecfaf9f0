/**
 * Shares the time of the event loop among connections that send more than can be handled at once. Owns how much
 * one connection is handled in one piece, in which order connections take turns, and when other events get their
 * turn. Uses no sockets, and does not know what the work is.
 *
 * @module
 */

/** How much work is one piece, in units: a frame is one, and so is each KiB of a frame or a reply. */
export const PIECE_UNITS = 64;
/** After this much work in one event loop turn, connections that cause much of it wait for a later turn: units. */
const TURN_UNITS = 4 * PIECE_UNITS;
/** How long the work that waits may take before other events get their turn: milliseconds. */
const TURN_MS = 2;
/** The time in which the work of a connection is added up: milliseconds. */
const WINDOW_MS = 100;
/** Strangers wait so many times as long as their work took: they get a quarter of the time. */
const STRANGERS_WAIT = 3;
/** A connection that causes more work than this in that time lets others go first: units. */
const HEAVY_UNITS = 2 * PIECE_UNITS;

/** A connection that takes turns. */
export interface Worker {
  /** How much work it has caused recently: units. Only {@linkcode Turns} changes this, and the next. */
  recentUnits: number;
  /** Since when: whole milliseconds. */
  recentSince: number;
  /** Whether the other side is unknown. All strangers who cause much work share a quarter of the time. */
  readonly isStranger: boolean;
  /** Does one piece of the work that waits. Returns whether more of it waits. */
  work(): boolean;
}

/** What the work needs from its surroundings. */
export interface TurnsHost {
  /** The current time by a clock that never goes back: milliseconds. */
  now(): number;
  /** Calls `run` once, after other events were handled. */
  later(run: () => void): void;
  /** Calls `run` once after a time: milliseconds. Returns a function that cancels the call. */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` once, when everything that arrived together was handled. */
  atTurnEnd(run: () => void): void;
}

const EVENT_LOOP: TurnsHost = {
  now: () => performance.now(),
  later: (run) => void setImmediate(run),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  atTurnEnd: (run) => queueMicrotask(run),
};

/** Whether a connection lets others go first. `now` is in milliseconds. */
function isHeavy({ recentUnits, recentSince }: Worker, now: number): boolean {
  return recentUnits > HEAVY_UNITS && now - recentSince < WINDOW_MS;
}

/** The connections whose work waits, and the work of this event loop turn. */
export class Turns {
  readonly #host: TurnsHost;
  /** Connections that have caused little work recently. They go first. */
  readonly #light = new Set<Worker>();
  readonly #heavy = new Set<Worker>();
  readonly #strangers = new Set<Worker>();
  /** When strangers may go on: milliseconds. */
  #strangersAt = -Infinity;
  #units = 0;
  #isScheduled = false;
  /** Cancels the next turn of the strangers, if it has a time. */
  #cancel: (() => void) | undefined;

  /** Starts without work. */
  constructor(host: TurnsHost = EVENT_LOOP) {
    this.#host = host;
  }

  /** Returns whether a connection may do a piece of work in this turn. Otherwise it waits. */
  mayWork(worker: Worker): boolean {
    // Most connections send little, and a look at the clock would cost more than their work.
    if (this.#units < TURN_UNITS && this.#strangers.size === 0) return true;
    const now = this.#host.now();
    return !isHeavy(worker, now) || (this.#units < TURN_UNITS && !worker.isStranger);
  }

  /** Counts work of a connection. */
  spent(units: number, worker: Worker): void {
    if (this.#units === 0) this.#host.atTurnEnd(() => this.#units = 0);
    this.#units += units;
    const now = this.#host.now();
    if (now - worker.recentSince >= WINDOW_MS) {
      worker.recentUnits = 0;
      // A small integer needs less memory than a number with a fraction.
      worker.recentSince = Math.floor(now);
    }
    worker.recentUnits += units;
  }

  /** Lets a connection do its work when it is its turn. */
  wait(worker: Worker): void {
    this.#queueOf(worker, isHeavy(worker, this.#host.now())).add(worker);
    this.#schedule();
  }

  /** Forgets a connection that has ended. */
  leave(worker: Worker): void {
    for (const queue of [this.#light, this.#heavy, this.#strangers]) queue.delete(worker);
    if (this.#strangers.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #queueOf({ isStranger }: Worker, sendsMuch: boolean): Set<Worker> {
    if (!sendsMuch) return this.#light;
    return isStranger ? this.#strangers : this.#heavy;
  }

  #schedule(): void {
    if (this.#light.size + this.#heavy.size > 0) {
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      this.#host.later(() => {
        this.#isScheduled = false;
        this.#run();
      });
    } else if (this.#strangers.size > 0 && !this.#cancel) {
      const ms = Math.max(0, this.#strangersAt - this.#host.now());
      this.#cancel = this.#host.after(ms, () => {
        this.#cancel = undefined;
        this.#run();
      });
    }
  }

  #run(): void {
    const start = this.#host.now();
    // One connection of those that cause much work always goes on, whatever the others do.
    this.#next(this.#heavy);
    do {
      if (!this.#next(this.#light) && !this.#next(this.#heavy)) break;
    } while (this.#host.now() - start < TURN_MS);
    this.#runStrangers();
    this.#schedule();
  }

  #runStrangers(): void {
    const start = this.#host.now();
    if (start < this.#strangersAt) return;
    let now = start;
    while (now - start < TURN_MS && this.#next(this.#strangers)) now = this.#host.now();
    this.#strangersAt = now + STRANGERS_WAIT * (now - start);
  }

  /** Lets the connection that has waited for longest do one piece. Returns whether there was one. */
  #next(queue: Set<Worker>): boolean {
    for (const worker of queue) {
      queue.delete(worker);
      if (worker.work()) this.#queueOf(worker, true).add(worker);
      return true;
    }
    return false;
  }
}
