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
  /** How much work it has caused recently. */
  readonly effort: Effort;
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
  atTurnEnd: queueMicrotask,
};

/** How much work one connection has caused recently. */
export class Effort {
  #charged = 0;
  #units = 0;
  #since = -Infinity;

  /** Adds work that was done at the time `now`: milliseconds. */
  add(units: number, now: number): void {
    if (now - this.#since >= WINDOW_MS) {
      this.#units = 0;
      this.#since = now;
    }
    this.#units += units;
  }

  /** Counts more work for the frame that is being handled. */
  charge(units: number): void {
    this.#charged += units;
  }

  /** Returns what was charged since the last call. */
  takeCharge(): number {
    const charged = this.#charged;
    this.#charged = 0;
    return charged;
  }

  /** Whether the connection lets others go first. */
  isHeavy(now: number): boolean {
    return this.#units > HEAVY_UNITS && now - this.#since < WINDOW_MS;
  }
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
  mayWork({ effort, isStranger }: Worker): boolean {
    // Most connections send little, and a look at the clock would cost more than their work.
    if (this.#units < TURN_UNITS && this.#strangers.size === 0) return true;
    const now = this.#host.now();
    return !effort.isHeavy(now) || (this.#units < TURN_UNITS && !isStranger);
  }

  /** Counts work of a connection. */
  spent(units: number, { effort }: Worker): void {
    if (this.#units === 0) this.#host.atTurnEnd(() => this.#units = 0);
    this.#units += units;
    effort.add(units, this.#host.now());
  }

  /** Lets a connection do its work when it is its turn. */
  wait(worker: Worker): void {
    this.#queueOf(worker, worker.effort.isHeavy(this.#host.now())).add(worker);
    this.#schedule();
  }

  /** Forgets a connection that has ended. */
  leave(worker: Worker): void {
    for (const queue of [this.#light, this.#heavy, this.#strangers]) queue.delete(worker);
    if (this.#strangers.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #queueOf({ isStranger }: Worker, isHeavy: boolean): Set<Worker> {
    if (!isHeavy) return this.#light;
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
