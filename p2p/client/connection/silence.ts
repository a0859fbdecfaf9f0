/**
 * Judges the silence of a server, as a connection sees it. A server that takes what waits for it is alive, although it
 * says nothing. `liveness.ts` owns how long a server may be silent.
 *
 * @module
 */
import { Liveness, type Verdict } from "../../core/session/liveness.ts";

/** Bytes that the system takes after this time have waited for the server to read: milliseconds. */
const BACKED_UP_MS = 100;

/** What a connection knows when it is looked at. */
export interface Seen {
  /** When the last bytes arrived: milliseconds. */
  readonly heardAt: number;
  /** Whether bytes wait for the system to take them. */
  readonly isWriting: boolean;
  /** Whether messages wait for the server to accept them. */
  readonly isWaiting: boolean;
  /** How many users the server has. */
  readonly users: number | undefined;
}

/** The silence of one server. All times are in milliseconds. */
export class Silence {
  readonly #liveness: Liveness;
  /** When the last look found bytes that wait for the system to take them; `undefined` when it found none. */
  #backedUpAt: number | undefined;

  /** Starts at the time `now`. */
  constructor(now: number) {
    this.#liveness = new Liveness(now);
  }

  /** Judges the silence until now. Call it every 250 ms. */
  look(now: number, { isWriting, ...seen }: Seen): Verdict {
    this.#backedUpAt = isWriting ? this.#backedUpAt ?? now : undefined;
    return this.#liveness.look(now, seen);
  }

  /** Handles that all pending bytes were written. A long wait before that shows that the server reads. */
  emptied(now: number): void {
    if (this.#backedUpAt === undefined) return;
    if (now - this.#backedUpAt >= BACKED_UP_MS) this.#liveness.advanced(now);
    this.#backedUpAt = undefined;
  }
}
