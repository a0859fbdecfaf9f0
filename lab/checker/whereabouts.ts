/**
 * Who was where in a run, and when: from what is known of its users, what may be said of a message under
 * way. Pure.
 *
 * @module
 */
import type { SentEvent, UserEvent } from "./history.ts";

/** Who was where. */
export class Whereabouts {
  readonly #events: ReadonlyMap<string, readonly UserEvent[]>;

  /** What happened to each user, in order. */
  constructor(events: ReadonlyMap<string, readonly UserEvent[]>) {
    this.#events = events;
  }

  /** Whether a user was away at that time. */
  isAway(user: string, at: number): boolean {
    const last = this.#of(user, ["left", "returned"]).findLast((event) => event.at <= at);
    return last?.kind === "left";
  }

  /** When a user returned last, up to that time; long ago when never. */
  returnedAt(user: string, until: number): number {
    return this.#of(user, ["returned"]).findLast(({ at }) => at <= until)?.at ?? -Infinity;
  }

  /** Whether a user was there, at one server, all the time. */
  stayed(user: string, from: number, until: number): boolean {
    const events = this.#events.get(user) ?? [];
    return !this.isAway(user, from) && !events.some(({ at }) => at >= from && at <= until);
  }

  /**
   * Whether a message that is kept may come late: its sender was disconnected while it was under way, or
   * moved while the recipient was away, so that two servers kept what waited.
   */
  isExcused({ sender, recipient, at: from }: SentEvent, until: number): boolean {
    const within = ({ at }: UserEvent) => at >= from && at <= until;
    return this.#of(sender, ["disconnected"]).some(within) ||
      this.#of(sender, ["moved"]).some((event) =>
        within(event) && this.isAway(recipient, event.at)
      );
  }

  #of(user: string, kinds: readonly UserEvent["kind"][]): readonly UserEvent[] {
    return this.#events.get(user)?.filter(({ kind }) => kinds.includes(kind)) ?? [];
  }
}
