/**
 * Describes errors of the system to people. Knows them by their names, so that a browser can load it.
 *
 * @module
 */

/** What the errors of Deno mean that a connection can cause, by their names. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ConnectionRefused", "connection refused"],
  ["ConnectionReset", "connection reset"],
  ["BrokenPipe", "connection closed"],
  // A program that is killed does not end TLS in the normal way.
  ["UnexpectedEof", "connection closed"],
]);

/** Describes an error of the system as the end of a sentence: "connection refused". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return REASONS.get(error.name) ?? error.message.replace(/ \(os error \d+\)/, "");
}
