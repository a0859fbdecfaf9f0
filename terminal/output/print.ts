/**
 * Writes text to standard output and standard error, at once and in order. Owns what happens when it
 * cannot be written. Must not know what the text says.
 *
 * @module
 */
import { styledLine } from "./untrusted.ts";

const encoder = new TextEncoder();

/** The pause before another attempt to write to a full pipe: milliseconds. */
const FULL_PIPE_MS = 10;

/** Standard output cannot be written. The cause says why: a full disk, a reader that has gone. */
export class OutputError extends Error {
  /** `OutputError`. */
  override name = "OutputError";
  /**
   * Whether the reader of the output has gone, as after `| head -1`. A program then ends silently with
   * exit code 0.
   */
  readonly nobodyReads: boolean;

  /** Creates the error, with the error of the system as its cause. */
  constructor(cause: unknown) {
    super("Cannot write to standard output", { cause });
    this.nobodyReads = cause instanceof Deno.errors.BrokenPipe;
  }
}

/**
 * Prints a line to standard output, or several with line ends between them. They have been written when this
 * returns. Only the styles of `colors.ts` reach the terminal; other control characters are replaced.
 *
 * @throws {OutputError} When the line cannot be written. `runProgram` then ends the program.
 */
export function print(line = ""): void {
  printPart(`${safeLines(line)}\n`);
}

/**
 * Writes text to standard output as it is, with escape sequences. It must not contain text of others.
 *
 * @throws {OutputError} When the text cannot be written.
 */
export function printPart(text: string): void {
  try {
    write(Deno.stdout, text);
  } catch (cause) {
    throw new OutputError(cause);
  }
}

/** Prints a line to standard error, as {@linkcode print} does. A line that cannot be written is lost. */
export function printError(line: string): void {
  try {
    write(Deno.stderr, `${safeLines(line)}\n`);
  } catch {
    // There is no other way to report this.
  }
}

function safeLines(lines: string): string {
  return lines.split("\n").map(styledLine).join("\n");
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(bytes.subarray(at));
    } catch (error) {
      // Another program has made the pipe non-blocking, and the pipe is full.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
    }
  }
}
