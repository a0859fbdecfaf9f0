/**
 * Takes all file descriptors of a program, when it is loaded before the program: once the program listens,
 * the word `take` on standard input has a file opened again and again until the system refuses, and
 * `give` has them closed.
 *
 * @module
 */
import { print } from "@netlab/terminal";

/** A process with a higher limit than this is not worth the memory. */
const MOST_FILES = 100_000;

const files: Deno.FsFile[] = [];

function take(): string {
  try {
    while (files.length < MOST_FILES) files.push(Deno.openSync(new URL(import.meta.url)));
    return "too many";
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EMFILE") throw error;
    return "none left";
  }
}

const { listen } = Deno;
Deno.listen = ((options) => {
  Deno.listen = listen;
  // What is loaded first must have ended before the program begins, so it cannot read earlier.
  void (async () => {
    for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
      if (text === "take\n") print(JSON.stringify({ event: take() }));
      else if (text === "give\n") files.splice(0).forEach((file) => file.close());
    }
  })();
  return listen(options as Deno.TcpListenOptions);
}) as typeof Deno.listen;
