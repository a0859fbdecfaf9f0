/**
 * Sums over the queues of stored messages, a part of them at a time: there may be a hundred thousand. Knows neither
 * requests nor frames.
 *
 * @module
 */

/** How many queues are looked at in one step. */
const QUEUES_PER_STEP = 1_000;

/** What is looked at of one queue. */
export interface SurveyedQueue {
  /** The number of messages in flight. */
  readonly inFlight: number;
  /** The number of spilled messages. */
  readonly spilled: number;
  /** No spilled message was accepted before this time: milliseconds since 1970. */
  readonly spilledSince: number;
  /** The oldest message in memory. */
  readonly first: { readonly acceptedAt: number } | undefined;
}

/** What a survey finds. */
export interface Survey {
  /** When the oldest message was accepted: milliseconds since 1970; infinite if there is none. */
  readonly oldestAt: number;
  /** How many messages are in flight. */
  readonly inFlight: number;
}

const NOTHING: Survey = { oldestAt: Infinity, inFlight: 0 };

/** A survey that goes on where it has stopped. */
export class QueueSurvey {
  readonly #queues: Iterable<SurveyedQueue>;
  #rest: Iterator<SurveyedQueue> | undefined;
  #begun = NOTHING;
  #last = NOTHING;

  /** Begins with nothing. */
  constructor(queues: Iterable<SurveyedQueue>) {
    this.#queues = queues;
  }

  /** Looks at up to 1,000 more queues. Returns what the last complete survey has found. */
  look(): Survey {
    let { oldestAt, inFlight } = this.#begun;
    const rest = this.#rest ??= this.#queues[Symbol.iterator]();
    for (let left = QUEUES_PER_STEP; left > 0; left--) {
      const { value: queue, done } = rest.next();
      if (done) {
        this.#rest = undefined;
        this.#begun = NOTHING;
        return this.#last = { oldestAt, inFlight };
      }
      inFlight += queue.inFlight;
      const waiting = queue.spilled > 0 ? queue.spilledSince : Infinity;
      oldestAt = Math.min(oldestAt, queue.first?.acceptedAt ?? waiting);
    }
    this.#begun = { oldestAt, inFlight };
    return this.#last;
  }
}
