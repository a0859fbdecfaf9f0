/**
 * Messages that a person has probably not read: those that came while they were typing or away. Must not know where
 * the messages are shown.
 *
 * @module
 */

/** Who presses no key for this long counts as away: milliseconds. */
const AWAY_MS = 60_000;

/** Counts the messages that were not read. */
export class Unread {
  #count = 0;
  /** When a key was pressed last: milliseconds. */
  #keyAt: number;
  #isTyping = false;
  /** Whether a message has come while the person was away. */
  #isMissed = false;

  /** Starts with a person who is there. `now` is in milliseconds. */
  constructor(now: number) {
    this.#keyAt = now;
  }

  /** How many messages were not read. */
  get count(): number {
    return this.#count;
  }

  /**
   * Notes that a message is about to be shown.
   *
   * @param now The current time: milliseconds.
   * @returns Whether it is the first one since the person is away.
   */
  arrived(now: number): boolean {
    const isAway = now - this.#keyAt >= AWAY_MS;
    const isFirst = isAway && !this.#isMissed;
    this.#isMissed ||= isAway;
    if (isAway || this.#isTyping || this.#count > 0) this.#count++;
    return isFirst;
  }

  /**
   * Notes that keys were pressed. Who begins or ends a text has looked at what is above it.
   *
   * @param isTyping Whether something is typed now.
   * @param now The current time: milliseconds.
   */
  keysPressed(isTyping: boolean, now: number): void {
    this.#keyAt = now;
    this.#isMissed = false;
    if (!isTyping || !this.#isTyping) this.#count = 0;
    this.#isTyping = isTyping;
  }
}
