/**
 * Lets a day pass at once, when it is loaded before a program: as soon as the word `tomorrow` comes on
 * standard input, the program's clock is 25 hours ahead.
 *
 * @module
 */

const DAY_AND_MORE_MS = 25 * 3_600_000;

const now = performance.now.bind(performance);
let ahead: number | undefined;

performance.now = () => {
  if (ahead === undefined) {
    // After the program has started: it would not start while this module awaits something.
    ahead = 0;
    void listen();
  }
  return now() + ahead;
};

async function listen(): Promise<void> {
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    if (text === "tomorrow\n") ahead = DAY_AND_MORE_MS;
  }
}
