/**
 * The offsets of one user's spilled messages, in the order of the messages. Consecutive offsets form one
 * run, so messages that arrived together need one entry. Knows nothing about the messages.
 *
 * @module
 */

/** Consecutive offsets. */
export interface OffsetRun {
  /** The first offset. */
  readonly first: number;
  /** The number of offsets. */
  readonly count: number;
}

/** A queue of offsets. */
export class OffsetRuns {
  /** The first offset and the number of offsets of each run, alternating. */
  #numbers: number[] = [];
  /** The index of the first run that was not taken. */
  #head = 0;

  /** Adds an offset at the end. */
  push(offset: number): void {
    const numbers = this.#numbers;
    const last = numbers.length - 2;
    if (last >= this.#head && numbers[last]! + numbers[last + 1]! === offset) numbers[last + 1]!++;
    else numbers.push(offset, 1);
  }

  /** Adds all offsets of `others` at the end. */
  append(others: OffsetRuns): void {
    const numbers = this.#numbers.slice(this.#head);
    this.#numbers = numbers.concat(others.#numbers.slice(others.#head));
    this.#head = 0;
  }

  /** Takes the first run, or the first `most` offsets of it. The queue must not be empty. */
  take(most: number): OffsetRun {
    const numbers = this.#numbers;
    const first = numbers[this.#head]!;
    const count = Math.min(most, numbers[this.#head + 1]!);
    if (count < numbers[this.#head + 1]!) {
      numbers[this.#head]! += count;
      numbers[this.#head + 1]! -= count;
    } else {
      this.#head += 2;
      // Once half of the entries were taken, the others are moved. So each entry is moved at most once.
      if (2 * this.#head >= numbers.length) {
        this.#numbers = numbers.slice(this.#head);
        this.#head = 0;
      }
    }
    return { first, count };
  }
}
