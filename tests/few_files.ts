/**
 * Takes all file descriptors of a program. It is loaded before the program. Once the program listens, the
 * word `take` on standard input opens a file until the system refuses, and `give` closes these files.
 *
 * @module
 */
import { print } from "@netlab/terminal";

/** The most files that are opened, to limit the memory. */
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
  // A preloaded module must end before the program starts, so it cannot read earlier.
  void (async () => {
    for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
      if (text === "take\n") print(JSON.stringify({ event: take() }));
      else if (text === "give\n") files.splice(0).forEach((file) => file.close());
    }
  })();
  return listen(options as Deno.TcpListenOptions);
}) as typeof Deno.listen;
