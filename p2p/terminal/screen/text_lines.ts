/**
 * Shows texts of several lines. Owns how the lines after the first are marked, so that no text can look like
 * another message. Must not know the terminal.
 *
 * @module
 */
import { oneLine } from "@netlab/terminal";

/** Stands before each line that continues a text. */
export const CONTINUATION = "  │ ";

/** How many lines of a text are shown to the one who writes it. */
const MAX_OWN_LINES = 20;

/** Returns the lines of a text that may come from the network, without control characters. A tab becomes four spaces. */
export function untrustedLines(text: string): string[] {
  return text.split(/\r\n?|[\n\v\f\x85\u2028\u2029]/).map((line) =>
    oneLine(line.replaceAll("\t", "    "))
  );
}

/** Returns a text for the terminal. Each line after the first begins with {@linkcode CONTINUATION}. */
export function manyLines(text: string): string {
  return untrustedLines(text).join(`\n${CONTINUATION}`);
}

/** Returns the first lines of a text that the reader has written, and how many more it has. */
export function excerpt(lines: readonly string[]): string[] {
  const more = lines.length - MAX_OWN_LINES;
  if (more <= 0) return [...lines];
  return [...lines.slice(0, MAX_OWN_LINES - 1), `… ${more + 1} more lines`];
}
