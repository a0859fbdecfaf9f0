/**
 * Messages that did not reach their recipient here and will come again from the server that keeps them,
 * so that those behind them, which were sent before that server heard of it, are not handed over first.
 * Knows neither users nor connections.
 *
 * @module
 */

/** How long a message is waited for: longer than what is under way can be. Milliseconds. */
const WAIT_MS = 2_000;

/** What is missing, for each recipient from each server that keeps messages. */
export class Gaps {
  readonly #recipients = new Map<string, Map<string, { id: string; until: number }>>();

  /** A message did not reach its recipient. The first one counts: what follows is behind it anyway. */
  add(recipient: string, origin: string, id: string, now: number): void {
    let origins = this.#recipients.get(recipient);
    if (!origins) this.#recipients.set(recipient, origins = new Map());
    const known = origins.get(origin);
    if (!known || now >= known.until) origins.set(origin, { id, until: now + WAIT_MS });
  }

  /** Whether a message has to wait for one before it. The one that is waited for ends the wait. */
  isBehind(recipient: string, origin: string, id: string, now: number): boolean {
    const origins = this.#recipients.get(recipient);
    const gap = origins?.get(origin);
    if (!origins || !gap) return false;
    if (gap.id !== id && now < gap.until) return true;
    origins.delete(origin);
    if (origins.size === 0) this.#recipients.delete(recipient);
    return false;
  }

  /** Forgets what was waited for long enough. */
  forget(now: number): void {
    for (const [recipient, origins] of this.#recipients) {
      for (const [origin, { until }] of origins) if (now >= until) origins.delete(origin);
      if (origins.size === 0) this.#recipients.delete(recipient);
    }
  }
}
