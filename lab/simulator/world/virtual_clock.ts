/**
 * What is to happen later, by time: a binary heap, and beside it a row of what is to happen at once,
 * which is most of it. Owns the order, and that what is due at one time happens in the order in which
 * it was put in.
 *
 * @module
 */

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Things to do at their times. */
export class VirtualClock {
  readonly #heap: Entry[] = [];
  /** Due at {@linkcode VirtualClock.now}, in order; those before `#rowStart` are done. */
  readonly #row: Entry[] = [];
  #rowStart = 0;
  #order = 0;
  #now: number;

  /** Nothing is to be done; the time is `now`. */
  constructor(now: number) {
    this.#now = now;
  }

  /** The time. It is set by whoever takes out what is due, and never goes back. */
  get now(): number {
    return this.#now;
  }

  /** Puts in something to do at `at`, or at once when that is over. */
  add(at: number, run: () => void): void {
    const entry = { at, order: this.#order++, run };
    if (at <= this.#now) {
      this.#row.push(entry);
      return;
    }
    const heap = this.#heap;
    let place = heap.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  /** Does all that is due until `end`, each at its time, and what that puts in with it. */
  runUntil(end: number): void {
    for (;;) {
      const first = this.#rowStart < this.#row.length ? this.#row[this.#rowStart] : undefined;
      const next = this.#heap[0];
      // What waited for this moment was put in before what came up in it.
      if (next && next.at <= (first ? this.#now : end)) {
        this.#now = next.at;
        this.#take();
        next.run();
      } else if (first) {
        if (++this.#rowStart === this.#row.length) {
          this.#row.length = 0;
          this.#rowStart = 0;
        }
        first.run();
      } else break;
    }
    this.#now = end;
  }

  /** Takes out the first of the heap. */
  #take(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at !== b.at ? a.at < b.at : a.order < b.order;
}
