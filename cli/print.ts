/**
 * Lines to standard output and standard error, written at once and in order. Must not know what they
 * say.
 *
 * @module
 */

const encoder = new TextEncoder();

/**
 * Prints a line to standard output. When its reader has gone (`| head -1`), the program ends without
 * a word and with exit code 0.
 */
export function print(line = ""): void {
  write(Deno.stdout, `${line}\n`);
}

/** Prints a line to standard error. */
export function printError(line: string): void {
  write(Deno.stderr, `${line}\n`);
}

/** Prints text as it is, without ending the line: for questions. */
export function printPart(text: string): void {
  write(Deno.stdout, text);
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw error;
  }
}
