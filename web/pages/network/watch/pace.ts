/**
 * When which server is asked. Owns how often: a page asks less often when there are more servers, so that it costs each
 * of them little. Does not know what is asked.
 *
 * @module
 */

/** How often the status of a server is asked at most: milliseconds. */
const STATUS_MS = 1_000;
/** How often its events are asked at most: milliseconds. */
const EVENTS_MS = 500;
/** How often anything is asked, of each kind: one request in so many milliseconds. */
const REQUEST_MS = 25;
/** How often a server is asked that does not answer, or is too old: milliseconds. */
const SILENT_MS = 3_000;

/** What a server is asked. */
export type Question = "status" | "events";

/** A server that may be asked. */
export interface Asked {
  /** The id of the server. */
  readonly id: string;
  /** Whether it answers as far as is known. */
  readonly answers: boolean;
}

interface Times {
  status: number;
  events: number;
  readonly waiting: Set<Question>;
}

/** Decides when servers are asked. */
export class Pace {
  readonly #times = new Map<string, Times>();
  #count = 0;

  /** How often each server is asked for its events: milliseconds. */
  get eventsMs(): number {
    return Math.max(EVENTS_MS, this.#count * REQUEST_MS);
  }

  /**
   * Returns what is to be asked now. Call it often.
   *
   * @param servers The servers that can be reached.
   * @param own The id of the server at the other end of the connection, which is always asked at the full pace.
   * @param now The current time: milliseconds.
   */
  due(
    servers: readonly Asked[],
    own: string,
    now: number,
  ): { readonly id: string; readonly question: Question }[] {
    this.#count = servers.length;
    const due: { id: string; question: Question }[] = [];
    for (const [at, { id, answers }] of servers.entries()) {
      let times = this.#times.get(id);
      if (!times) {
        const first = now + (at * REQUEST_MS) % this.#every("status");
        this.#times.set(id, times = { status: first, events: first, waiting: new Set() });
      }
      for (const question of ["status", "events"] as const) {
        if (now < times[question] || times.waiting.has(question)) continue;
        const ms = id === own
          ? { status: STATUS_MS, events: EVENTS_MS }[question]
          : answers
          ? this.#every(question)
          : SILENT_MS;
        times[question] = now + ms;
        times.waiting.add(question);
        due.push({ id, question });
      }
    }
    return due;
  }

  /** Handles the end of a request, so that the next one may be made. */
  done(id: string, question: Question): void {
    this.#times.get(id)?.waiting.delete(question);
  }

  /** Asks all servers anew: the connection is another one. */
  restart(): void {
    this.#times.clear();
  }

  #every(question: Question): number {
    const ms = question === "status" ? STATUS_MS : EVENTS_MS;
    return Math.max(ms, this.#count * REQUEST_MS);
  }
}
