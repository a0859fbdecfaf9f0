/**
 * Remembers which names users have had, on any server of the network. Decides which names are forgotten,
 * and which are new for other servers and for the store. Does not know who is where now.
 *
 * @module
 */
import { GenerationalCache } from "./tables/generational_cache.ts";

/** The names that users have had. */
export class SeenNames {
  readonly #names: GenerationalCache<Set<string>>;
  readonly #most: number;
  readonly #isSaved: boolean;
  #unsaved = new Set<string>();

  /**
   * Remembers no name yet.
   *
   * @param most The most names that are remembered. At least half as many are.
   * @param isSaved Whether a store saves the names.
   */
  constructor(most: number, isSaved: boolean) {
    this.#most = most;
    this.#isSaved = isSaved;
    this.#names = new GenerationalCache(() => new Set<string>(), Math.ceil(most / 2));
  }

  /** Returns whether a user had this name. */
  has(name: string): boolean {
    return this.#names.young.has(name) || this.#names.old.has(name);
  }

  /** Remembers a name. Returns whether it is new. */
  add(name: string): boolean {
    if (this.#names.young.has(name)) return false;
    const isNew = !this.#names.old.has(name);
    this.#names.withRoom().add(name);
    if (this.#isSaved && this.#unsaved.size < this.#most) this.#unsaved.add(name);
    return isNew;
  }

  /** Remembers a name that the store has. */
  load(name: string): void {
    this.#names.withRoom().add(name);
  }

  /** Returns up to `most` names, the newest ones. */
  newest(most: number): string[] {
    const { young, old } = this.#names;
    const names = [...old].filter((name) => !young.has(name)).concat(...young);
    return names.slice(-most);
  }

  /** The names that the store does not have yet. */
  get unsaved(): ReadonlySet<string> {
    return this.#unsaved;
  }

  /** Records that the store has all names. */
  saved(): void {
    this.#unsaved = new Set();
  }
}
