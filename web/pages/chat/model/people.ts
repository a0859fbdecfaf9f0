/**
 * Who is on the network. Owns how often the network is asked. Does not know how.
 *
 * @module
 */
import { Changes } from "../../shared/view.ts";

/** How often the network is asked: milliseconds. */
const ASK_MS = 5_000;

/** The users of the network. */
export class People extends Changes {
  /** Their names, in the order of the alphabet. */
  names: readonly string[] = [];
  #online = new Set<string>();
  readonly #ask: () => Promise<string[]>;
  readonly #timer: ReturnType<typeof setInterval>;
  #isAsking = false;

  /** Starts to ask, with a function that returns the names of all users. */
  constructor(ask: () => Promise<string[]>) {
    super();
    this.#ask = ask;
    this.#timer = setInterval(() => this.look(), ASK_MS);
    void this.look();
  }

  /** Whether a user is on the network. */
  isOnline(name: string): boolean {
    return this.#online.has(name);
  }

  /** Asks now, unless the page is hidden or an answer is on its way. */
  async look(): Promise<void> {
    if (this.#isAsking || document.visibilityState === "hidden") return;
    this.#isAsking = true;
    try {
      const names = await this.#ask();
      this.#online = new Set(names);
      this.names = names.sort((a, b) => a.localeCompare(b));
      this.tell();
    } catch {
      // What is known stays until a server answers again.
    } finally {
      this.#isAsking = false;
    }
  }

  /** Ends. */
  close(): void {
    clearInterval(this.#timer);
  }
}
