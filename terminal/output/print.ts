/**
 * Prints lines to standard output and standard error. Must not know what they say.
 *
 * @module
 */
import { OutputError, STDERR, STDOUT } from "./output.ts";
import { styledLine } from "./untrusted.ts";

export { OutputError };

/**
 * Prints a line to standard output, or several with line ends between them. Only the styles of `colors.ts` reach the
 * terminal; other control characters are replaced. Under `runProgram` the text is written later, unless the program
 * {@linkcode Program.endsAtOnce}; the program does not end before. If it cannot be written, the program is asked to
 * stop.
 *
 * @throws {OutputError} When the line cannot be written, and would have been written at once.
 */
export function print(line = ""): void {
  printPart(`${safeLines(line)}\n`);
}

/** Prints text to standard output as it is, with escape sequences. It must not contain text of others. */
export function printPart(text: string): void {
  STDOUT.add(text);
}

/** Prints a line to standard error, as {@linkcode print} does. A line that cannot be written is lost. */
export function printError(line: string): void {
  try {
    STDERR.add(`${safeLines(line)}\n`);
  } catch (error) {
    // There is no other way to report this.
    if (!(error instanceof OutputError)) throw error;
  }
}

/**
 * Resolves when everything that was printed is written. A program that prints without end awaits this between
 * two lines, so that a reader who is slower slows it down.
 *
 * @throws {OutputError} When something that was printed to standard output is lost.
 */
export async function written(): Promise<void> {
  await STDERR.written().catch(() => {});
  await STDOUT.written();
}

function safeLines(lines: string): string {
  return lines.split("\n").map(styledLine).join("\n");
}
