/**
 * Lines to standard output and standard error, written at once and in order. Owns what happens when they
 * cannot be written; must not know what they say.
 *
 * @module
 */

const encoder = new TextEncoder();

/** How long a reader that does not read is waited for before the next try: milliseconds. */
const FULL_PIPE_MS = 10;

/** What is to be shown cannot be written. Its cause says why: a full disk, a reader that has gone. */
export class OutputError extends Error {
  /** `OutputError`. */
  override name = "OutputError";
  /**
   * Whether nobody reads any more, as behind `| head -1`: a program ends then without a word and with exit
   * code 0.
   */
  readonly nobodyReads: boolean;

  /** The error for standard output, with what the system reported as its cause. */
  constructor(cause: unknown) {
    super("Cannot write to standard output", { cause });
    this.nobodyReads = cause instanceof Deno.errors.BrokenPipe;
  }
}

/**
 * Prints a line to standard output. It has been written when this returns.
 *
 * @throws {OutputError} When it cannot be written. `runProgram` makes it the end of the program.
 */
export function print(line = ""): void {
  printPart(`${line}\n`);
}

/**
 * Prints text as it is, without ending the line: for questions.
 *
 * @throws {OutputError} When it cannot be written.
 */
export function printPart(text: string): void {
  try {
    write(Deno.stdout, text);
  } catch (cause) {
    throw new OutputError(cause);
  }
}

/** Prints a line to standard error; where that cannot be written, nobody can be told. */
export function printError(line: string): void {
  try {
    write(Deno.stderr, `${line}\n`);
  } catch {
    // Its reader has gone, or its terminal.
  }
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(bytes.subarray(at));
    } catch (error) {
      // A pipe that some other program has made one that does not block: it is full for the moment.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
    }
  }
}
