/**
 * The places of messages in the store, in the order of the messages, as rows of places that follow each
 * other: what came together is one row. Owns the order.
 *
 * @module
 */

/** Places that follow each other. */
export interface OffsetRun {
  /** The first one. */
  readonly first: number;
  /** How many. */
  readonly count: number;
}

/** A queue of places. */
export class OffsetRuns {
  /** The first place of each row, and how many there are, in turns. */
  #numbers: number[] = [];
  /** Where in it the first row is that was not taken. */
  #head = 0;

  /** One more place, behind all others. */
  push(offset: number): void {
    const numbers = this.#numbers;
    const last = numbers.length - 2;
    if (last >= this.#head && numbers[last]! + numbers[last + 1]! === offset) numbers[last + 1]!++;
    else numbers.push(offset, 1);
  }

  /** All of `others` behind these. */
  append(others: OffsetRuns): void {
    const numbers = this.#numbers.slice(this.#head);
    this.#numbers = numbers.concat(others.#numbers.slice(others.#head));
    this.#head = 0;
  }

  /** Takes out the first row, or `most` places of it; there is one. */
  take(most: number): OffsetRun {
    const numbers = this.#numbers;
    const first = numbers[this.#head]!;
    const count = Math.min(most, numbers[this.#head + 1]!);
    if (count < numbers[this.#head + 1]!) {
      numbers[this.#head]! += count;
      numbers[this.#head + 1]! -= count;
    } else {
      this.#head += 2;
      // What was taken is given up now and then, so that each place is moved once at most.
      if (2 * this.#head >= numbers.length) {
        this.#numbers = numbers.slice(this.#head);
        this.#head = 0;
      }
    }
    return { first, count };
  }
}
