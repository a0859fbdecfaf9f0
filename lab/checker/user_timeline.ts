/**
 * Which users were connected, moving or away at which time of a run, and what that excuses.
 *
 * @module
 */
import type { SentEvent, UserEvent } from "./history.ts";

/** The events of all users of a run. All times are milliseconds on its clock. */
export class UserTimeline {
  readonly #events: ReadonlyMap<string, readonly UserEvent[]>;

  /** Takes the events of each user by name, in order of time. */
  constructor(events: ReadonlyMap<string, readonly UserEvent[]>) {
    this.#events = events;
  }

  /** Whether a user was away at a time. */
  isAway(user: string, at: number): boolean {
    const last = this.#of(user, ["left", "returned"]).findLast((event) => event.at <= at);
    return last?.kind === "left";
  }

  /** When a user last returned, up to a time. `-Infinity` if the user never left. */
  returnedAt(user: string, until: number): number {
    return this.#of(user, ["returned"]).findLast(({ at }) => at <= until)?.at ?? -Infinity;
  }

  /** Whether a user was connected to one server during the whole period. */
  stayed(user: string, from: number, until: number): boolean {
    const events = this.#events.get(user) ?? [];
    return !this.isAway(user, from) && !events.some(({ at }) => at >= from && at <= until);
  }

  /**
   * Whether a durable message that was seen at `until` may be late. It may if its sender was disconnected
   * while it was in flight. It may also if its sender moved then while the recipient was away, because two
   * servers stored messages for the recipient.
   */
  isExcused({ sender, recipient, at: from }: SentEvent, until: number): boolean {
    const inFlight = ({ at }: UserEvent) => at >= from && at <= until;
    return this.#of(sender, ["disconnected"]).some(inFlight) ||
      this.#of(sender, ["moved"]).some((event) =>
        inFlight(event) && this.isAway(recipient, event.at)
      );
  }

  #of(user: string, kinds: readonly UserEvent["kind"][]): readonly UserEvent[] {
    return this.#events.get(user)?.filter(({ kind }) => kinds.includes(kind)) ?? [];
  }
}
