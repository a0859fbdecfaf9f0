/**
 * The users that a person can write to. Must not know the terminal or the network.
 *
 * @module
 */
import { LIMITS } from "../../core/limits.ts";

/** The users in the last list from the server, and those who took part in this conversation. */
export class Recipients implements Iterable<string> {
  readonly #ask: () => Promise<readonly string[]>;
  readonly #met = new Set<string>();
  #listed: readonly string[] = [];
  #asking: Promise<void> | undefined;

  /** Starts without users. `ask` requests the list of users. */
  constructor(ask: () => Promise<readonly string[]>) {
    this.#ask = ask;
  }

  /** All names, each once: those of the conversation, the latest first, and then the others in their order. */
  [Symbol.iterator](): Iterator<string> {
    return new Set([...[...this.#met].reverse(), ...this.#listed]).values();
  }

  /** Whether this user is known. */
  has(name: string): boolean {
    return this.#met.has(name) || this.#listed.includes(name);
  }

  /** Adds a user who sent or was sent a message. */
  meet(name: string): void {
    if (name === "") return;
    this.#met.delete(name);
    this.#met.add(name);
    const [oldest] = this.#met;
    if (this.#met.size > LIMITS.metUsers.default) this.#met.delete(oldest!);
  }

  /** Requests a new list. When the request fails, the old list stays; the promise never rejects. */
  refresh(): Promise<void> {
    this.#asking ??= this.#ask()
      .then((names) => void (this.#listed = names.toSorted()), () => {})
      .finally(() => this.#asking = undefined);
    return this.#asking;
  }
}
