/**
 * Virtual time: runs tasks at their times, without waiting. Tasks that are due at the same time run in the
 * order in which they were scheduled.
 *
 * @module
 */
import TinyQueue from "tinyqueue";

interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that moves only when it is told to. Times are in milliseconds. */
export class VirtualClock {
  readonly #later = new TinyQueue<Task>(
    [],
    (a, b) => a.at !== b.at ? a.at - b.at : a.order - b.order,
  );
  /** The tasks that are due now, in order. Most tasks are. Those before `#nextDue` have run. */
  readonly #due: Task[] = [];
  #nextDue = 0;
  #order = 0;
  #now: number;

  /** Creates a clock that shows `now`. */
  constructor(now: number) {
    this.#now = now;
  }

  /** The present time. It never goes back. */
  get now(): number {
    return this.#now;
  }

  /** Schedules a task. If its time is in the past, it is due now. */
  schedule(at: number, run: () => void): void {
    const task = { at, order: this.#order++, run };
    if (at <= this.#now) this.#due.push(task);
    else this.#later.push(task);
  }

  /** Runs all tasks that are due until `end`, each at its time, including those that they schedule. */
  runUntil(end: number): void {
    for (;;) {
      const due = this.#due[this.#nextDue];
      const later = this.#later.peek();
      // A task that waited for this moment was scheduled before the tasks that are due now.
      if (later && later.at <= (due ? this.#now : end)) {
        this.#now = later.at;
        this.#later.pop();
        later.run();
      } else if (due) {
        if (++this.#nextDue === this.#due.length) {
          this.#due.length = 0;
          this.#nextDue = 0;
        }
        due.run();
      } else break;
    }
    this.#now = end;
  }
}
