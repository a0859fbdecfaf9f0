/**
 * How names of users are typed, and which name a mistyped one probably means. Must not know which users there are.
 *
 * @module
 */
import { levenshteinDistance } from "@std/text/levenshtein-distance";

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

/** A name without the difference between upper and lower case. */
export function fold(name: string): string {
  return name.normalize().toLowerCase();
}
