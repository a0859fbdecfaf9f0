/**
 * Shares the time of the event loop among connections that send more than can be handled at once. Owns how much
 * one connection is handled in one piece, in which order connections take turns, and when other events get their
 * turn. Uses no sockets, and does not know what the work is.
 *
 * @module
 */
import { LOOKOUT } from "./lookout.ts";

/** How much work is one piece, in units: a frame is one, and so is each KiB of a frame or a reply. */
export const PIECE_UNITS = 64;
/** After this much work in one event loop turn, connections that cause much of it wait for a later turn: units. */
const TURN_UNITS = 4 * PIECE_UNITS;
/** How long the work that waits may take before other events get their turn: milliseconds. */
const TURN_MS = 1;
/** The time in which the work of a connection is added up: milliseconds. */
const WINDOW_MS = 100;
/** A connection that causes more work than this in that time lets others go first: units. */
const HEAVY_UNITS = 2 * PIECE_UNITS;
/** If all strangers together cause more than this in that time, even those who cause little let others go first. */
const CROWD_UNITS = 16 * PIECE_UNITS;
/** Connections with a quarter of the time wait so many times as long as their work took, those with half of it once. */
const QUARTER = 3;
const HALF = 1;

/** A connection that takes turns. */
export interface Worker {
  /** How much work it has caused recently: units. Only {@linkcode Turns} changes this, and the next two. */
  recentUnits: number;
  /** How much of that delivers nothing. */
  recentCharged: number;
  /** Since when: whole milliseconds. */
  recentSince: number;
  /** Whether the other side is unknown. */
  readonly isStranger: boolean;
  /** Whether the other side is a server. */
  readonly isLink: boolean;
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
  later: (run) => LOOKOUT.next(run),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  atTurnEnd: (run) => queueMicrotask(run),
};

/** Connections that together get a share of the time. */
class Share {
  /** How many times as long as their work took they wait. */
  readonly factor: number;
  readonly queue = new Set<Worker>();
  /** When they may go on: milliseconds. */
  at = -Infinity;

  /** Creates a share for connections that wait `factor` times as long as their work took. */
  constructor(factor: number) {
    this.factor = factor;
  }
}

/** Whether a connection lets others go first. `now` is in milliseconds. */
function isHeavy({ recentUnits, recentSince }: Worker, now: number): boolean {
  return recentUnits > HEAVY_UNITS && now - recentSince < WINDOW_MS;
}

/** Whether most work of a connection delivers nothing. */
function deliversNothing({ recentUnits, recentCharged }: Worker): boolean {
  return 2 * recentCharged > recentUnits;
}

/** The connections whose work waits, and the work of this event loop turn. */
export class Turns {
  readonly #host: TurnsHost;
  /** Connections that have caused little work recently. They go first. */
  readonly #light = new Set<Worker>();
  readonly #heavy = new Set<Worker>();
  /** Strangers who cause little work each, but much together, for example because all of them register. */
  readonly #crowd = new Share(HALF);
  /** Strangers who cause much work. */
  readonly #strangers = new Share(QUARTER);
  /** Users who cause much work that delivers nothing, such as requests and messages that are refused. */
  readonly #idlers = new Share(QUARTER);
  /** Servers that do so, for example with news of many users. */
  readonly #links = new Share(HALF);
  readonly #shares = [this.#crowd, this.#strangers, this.#idlers, this.#links];
  /** How much work all strangers have caused recently, and since when: units and milliseconds. */
  #crowdUnits = 0;
  #crowdSince = 0;
  /** The work of this event loop turn, and since when: units and milliseconds. */
  #units = 0;
  #turnSince = 0;
  #isScheduled = false;
  /** Cancels the next turn of the shares, if it has a time. */
  #cancel: (() => void) | undefined;

  /** Starts without work. */
  constructor(host: TurnsHost = EVENT_LOOP) {
    this.#host = host;
  }

  /** Returns whether a connection may do a piece of work in this turn. Otherwise it waits. */
  mayWork(worker: Worker): boolean {
    // Most connections send little, and a look at the clock would cost more than their work.
    const isCrowd = worker.isStranger && this.#crowdUnits > CROWD_UNITS;
    if (worker.recentUnits <= HEAVY_UNITS && !isCrowd) return true;
    const now = this.#host.now();
    const queue = this.#queueOf(worker, now);
    if (queue !== this.#heavy) return queue === this.#light;
    if (this.#units >= TURN_UNITS) return false;
    // A message of a user who has moved arrives over another link than the one before it, which must not wait for long.
    return this.#units === 0 || worker.isLink || now - this.#turnSince < TURN_MS;
  }

  /**
   * Counts work of a connection.
   *
   * @param units How much.
   * @param charged How much of it delivers nothing.
   */
  spent(units: number, charged: number, worker: Worker): void {
    const now = this.#host.now();
    if (this.#units === 0) {
      this.#turnSince = now;
      this.#host.atTurnEnd(() => this.#units = 0);
    }
    this.#units += units;
    if (now - worker.recentSince >= WINDOW_MS) {
      worker.recentUnits = worker.recentCharged = 0;
      // A small integer needs less memory than a number with a fraction.
      worker.recentSince = Math.floor(now);
    }
    worker.recentUnits += units;
    worker.recentCharged += charged;
    if (now - this.#crowdSince >= WINDOW_MS) {
      this.#crowdUnits = 0;
      this.#crowdSince = now;
    }
    if (worker.isStranger) this.#crowdUnits += units;
  }

  /** Lets a connection do its work when it is its turn. */
  wait(worker: Worker): void {
    this.#queueOf(worker, this.#host.now()).add(worker);
    this.#schedule();
  }

  /** Forgets a connection that has ended. */
  leave(worker: Worker): void {
    this.#light.delete(worker);
    this.#heavy.delete(worker);
    for (const { queue } of this.#shares) queue.delete(worker);
    if (this.#waitingShares > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** How many connections wait in shares. */
  get #waitingShares(): number {
    return this.#crowd.queue.size + this.#strangers.queue.size + this.#idlers.queue.size +
      this.#links.queue.size;
  }

  #queueOf(worker: Worker, now: number, sendsMuch = isHeavy(worker, now)): Set<Worker> {
    if (worker.isStranger) {
      if (sendsMuch) return this.#strangers.queue;
      const isCrowd = this.#crowdUnits > CROWD_UNITS && now - this.#crowdSince < WINDOW_MS;
      return isCrowd ? this.#crowd.queue : this.#light;
    }
    if (!sendsMuch) return this.#light;
    if (!deliversNothing(worker)) return this.#heavy;
    return worker.isLink ? this.#links.queue : this.#idlers.queue;
  }

  #schedule(): void {
    if (this.#light.size + this.#heavy.size > 0) {
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      this.#host.later(() => {
        this.#isScheduled = false;
        this.#run();
      });
    } else if (this.#waitingShares > 0 && !this.#cancel) {
      let at = Infinity;
      for (const share of this.#shares) if (share.queue.size > 0) at = Math.min(at, share.at);
      this.#cancel = this.#host.after(Math.max(0, at - this.#host.now()), () => {
        this.#cancel = undefined;
        this.#run();
      });
    }
  }

  #run(): void {
    LOOKOUT.begin();
    const start = this.#host.now();
    const mayGoOn = () => this.#host.now() - start < TURN_MS;
    while (this.#next(this.#light) && mayGoOn()) { /* one after the other */ }
    // One connection of those that cause much work always goes on, whatever the others do.
    while (this.#next(this.#heavy) && mayGoOn()) { /* one after the other */ }
    for (const share of this.#shares) this.#runShare(share);
    LOOKOUT.end();
    this.#schedule();
  }

  #runShare(share: Share): void {
    const start = this.#host.now();
    if (share.queue.size === 0 || start < share.at) return;
    const pause = () => {
      const now = this.#host.now();
      share.at = now + share.factor * (now - start);
      return now;
    };
    while (this.#next(share.queue) && pause() - start < TURN_MS) { /* one after the other */ }
    // What was written to them is sent at the end of the turn. Of a short reply, this is the expensive part.
    this.#host.atTurnEnd(() => void pause());
  }

  /** Lets the connection that has waited for longest do one piece. Returns whether there was one. */
  #next(queue: Set<Worker>): boolean {
    for (const worker of queue) {
      queue.delete(worker);
      if (worker.work()) this.#queueOf(worker, this.#host.now(), true).add(worker);
      return true;
    }
    return false;
  }
}
