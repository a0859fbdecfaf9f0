/**
 * Reads orders from standard input, line by line.
 *
 * @module
 */

/** The lines of standard input, until it ends. */
export async function* inputLines(): AsyncGenerator<string> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
