/**
 * The users that a person can write to, and how their names are typed, completed and corrected.
 * Must not know the terminal or the network.
 *
 * @module
 */
import { levenshteinDistance } from "@std/text/levenshtein-distance";
import { LIMITS } from "../../core/limits.ts";
import type { Completion } from "../screen/screen.ts";

/**
 * A name as it is typed and shown before a message: in quotation marks if it has spaces, or could be
 * mistaken for a command or for a mark of the conversation.
 */
export function typedName(name: string): string {
  return /\s|^[/→(]/.test(name) ? `"${name}"` : name;
}

/** The existing name that was probably meant by an unknown one: `Bob` for `bob`, `@Bob` or `Bob:`. */
export function nearName(typed: string, names: Iterable<string>): string | undefined {
  let end = typed.length;
  while (end > 0 && ":,".includes(typed[end - 1]!)) end--;
  const stripped = typed.slice(typed.startsWith("@") ? 1 : 0, end);
  if (stripped === "") return undefined;
  const known = [...names];
  if (known.includes(stripped)) return stripped;
  const near = known.filter((name) => [fold(typed), fold(stripped)].includes(fold(name)));
  return near.length === 1 ? near[0] : undefined;
}

/** The existing name that differs from a mistyped one in one or two characters: `Bob` for `Bbo`. */
export function similarName(typed: string, names: Iterable<string>): string | undefined {
  const most = typed.length > 4 ? 2 : 1;
  const distances = [...names].filter((name) => name !== typed)
    .map((name) => ({ name, distance: typingDistance(fold(typed), fold(name)) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance);
  const [nearest, next] = distances;
  return nearest?.distance === next?.distance ? undefined : nearest!.name;
}

/** The number of typing mistakes between two names. Two characters in the wrong order are one mistake. */
function typingDistance(one: string, other: string): number {
  const letters = (name: string) => Array.from(name).sort().join("");
  const distance = levenshteinDistance(one, other);
  return distance === 2 && letters(one) === letters(other) ? 1 : distance;
}

/**
 * Completes the recipient or the command at the start of a line.
 *
 * @param before The text before the cursor.
 * @returns Nothing when there is nothing to complete.
 */
export function complete(
  before: string,
  names: Iterable<string>,
  commands: readonly string[],
): Completion | undefined {
  const command = /^\s*(\/\S*)$/.exec(before)?.[1];
  if (command !== undefined) {
    return choose(before, command, commands.map((name) => `/${name}`), (name) => name);
  }
  const quoted = /^\s*"([^"]+)$/.exec(before)?.[1];
  const typed = quoted ?? /^\s*@?([^\s"]\S*)$/.exec(before)?.[1];
  if (typed === undefined) return undefined;
  // Some names with quotation marks cannot be typed.
  const possible = [...names].filter((name) =>
    !name.startsWith('"') && !(name.includes('"') && /\s/.test(name))
  );
  return choose(
    before,
    typed,
    possible,
    (name, whole) => {
      if (whole) return quoted === undefined ? typedName(name) : `"${name}"`;
      return quoted !== undefined || /\s/.test(name) ? `"${name}` : name;
    },
  );
}

/** Completes `typed` to the only candidate that matches, or to what all matching ones begin with. */
function choose(
  before: string,
  typed: string,
  all: readonly string[],
  write: (name: string, whole: boolean) => string,
): Completion | undefined {
  const exact = all.filter((name) => name.startsWith(typed));
  const fitting = exact.length > 0
    ? exact
    : all.filter((name) => fold(name).startsWith(fold(typed)));
  if (fitting.length === 0) return undefined;
  if (fitting.length === 1) return { text: `${write(fitting[0]!, true)} `, choices: [] };
  const common = commonStart(fitting);
  return {
    text: common.length > typed.length && exact.length > 0 ? write(common, false) : before,
    choices: fitting.toSorted(),
  };
}

function commonStart(names: readonly string[]): string {
  let common = Array.from(names[0]!);
  for (const name of names) {
    const characters = Array.from(name);
    const end = common.findIndex((character, index) => character !== characters[index]);
    if (end >= 0) common = common.slice(0, end);
  }
  return common.join("");
}

function fold(name: string): string {
  return name.normalize().toLowerCase();
}

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

  /** All names, each once. */
  [Symbol.iterator](): Iterator<string> {
    return new Set([...this.#listed, ...this.#met]).values();
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
      .then((names) => void (this.#listed = names), () => {})
      .finally(() => this.#asking = undefined);
    return this.#asking;
  }
}
