/**
 * What has happened at a server lately. Keeps the last events in a ring, so that it never grows. Does not know who
 * asks for them.
 *
 * @module
 */
import type { Happening, ServerEvent } from "@netlab/protocol/codec";
import { LIMITS } from "../limits.ts";

/** How many refusals are recorded in a second. More of them would push everything else out of the ring. */
const REFUSALS_PER_SECOND = 10;

interface Recorded {
  readonly at: number;
  readonly happening: Happening;
}

/** The events of one server. */
export class EventLog {
  readonly #ring: Recorded[] = [];
  readonly #size: number = LIMITS.events.default;
  /** The number of the next event. */
  #next = 1;
  /** The second in which refusals were recorded last, and how many. */
  #second = 0;
  #refusals = 0;

  /**
   * Records an event. Of refusals, it records ten a second.
   *
   * @param now The current time: milliseconds since 1970.
   */
  add(happening: Happening, now: number): void {
    if (happening.kind === "refused" && !this.#mayRefuse(now)) return;
    this.#ring[this.#next % this.#size] = { at: now, happening };
    this.#next++;
  }

  /**
   * Returns events from a sequence number on, the oldest first.
   *
   * @param max The most events that are wanted.
   * @param now The current time: milliseconds since 1970.
   */
  since(sequence: number, max: number, now: number): EventPage {
    const oldest = Math.max(1, this.#next - this.#size);
    const first = Math.min(Math.max(sequence, oldest), this.#next);
    const next = Math.min(first + max, this.#next);
    const events: ServerEvent[] = [];
    for (let at = first; at < next; at++) {
      const { happening, at: then } = this.#ring[at % this.#size]!;
      events.push({ sequence: at, agoMs: Math.max(0, Math.floor(now - then)), ...happening });
    }
    // Who asks from 0 on wants what there is.
    const lost = sequence === 0 ? 0 : Math.max(0, oldest - sequence);
    return { next, lost, events };
  }

  #mayRefuse(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) this.#refusals = 0;
    this.#second = second;
    return ++this.#refusals <= REFUSALS_PER_SECOND;
  }
}

/** Some events of one server. */
export interface EventPage {
  /** The sequence number with which to ask for what happens next. */
  readonly next: number;
  /** How many of the wanted events are forgotten. */
  readonly lost: number;
  /** The events. */
  readonly events: ServerEvent[];
}
