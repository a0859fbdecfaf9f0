/**
 * Who is on the network, and at which server. Owns how often the network is asked. Does not know how.
 *
 * @module
 */
/// <reference lib="dom" />
import { Changes } from "../../common/view.ts";

/** How often the network is asked: milliseconds. */
const ASK_MS = 3_000;
/** A network with more users is asked less often: so many times. */
const MANY_USERS = 1_000;
const MANY_FACTOR = 5;

/** The users of the network. */
export class People extends Changes {
  /** Their names, in the order of the alphabet. */
  names: readonly string[] = [];
  #servers: ReadonlyMap<string, string> = new Map();
  readonly #ask: () => Promise<ReadonlyMap<string, string>>;
  readonly #timer: ReturnType<typeof setInterval>;
  #isAsking = false;
  #skipped = 0;

  /** Starts to ask, with a function that returns the address of the server of each user, by the user's name. */
  constructor(ask: () => Promise<ReadonlyMap<string, string>>) {
    super();
    this.#ask = ask;
    this.#timer = setInterval(() => void this.#look(), ASK_MS);
    void this.#look();
  }

  /** Whether a user is on the network. */
  isOnline(name: string): boolean {
    return this.#servers.has(name);
  }

  /** The address of the server at which a user is; `undefined` if that is not known. */
  serverOf(name: string): string | undefined {
    return this.#servers.get(name) || undefined;
  }

  /** Ends. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isAsking || document.visibilityState === "hidden") return;
    const factor = this.#servers.size > MANY_USERS ? MANY_FACTOR : 1;
    if (++this.#skipped < factor) return;
    this.#skipped = 0;
    this.#isAsking = true;
    try {
      this.#servers = await this.#ask();
      this.names = [...this.#servers.keys()].sort((a, b) => a.localeCompare(b));
      this.tell();
    } catch {
      // What is known stays until a server answers again.
    } finally {
      this.#isAsking = false;
    }
  }
}
